/* For oracle_json.py: reads one JSON text a line, writes it back in the form asked for.
 * Usage: json_dump INDENT SORT < texts. A form of several lines ends with a line of one \x01. */
#include "base/base.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    int indent = argc == 3 ? atoi(argv[1]) : 0, sort = argc == 3 ? atoi(argv[2]) : 0;
    cx__buf out = { .max = (size_t)1 << 30 };
    char *line = NULL;
    size_t room = 0;
    ssize_t len;
    while ((len = getline(&line, &room, stdin)) > 0) {
        json_t *v;
        cx__buf_clear(&out);
        if (cx__json_parse(line, (size_t)len, "stdin", &v) != CX_OK) {
            fprintf(stderr, "%s\n", cx_error());
            return 1;
        }
        if (!cx__json_dump(&out, v, indent, sort)) return 1;
        json_decref(v);
        puts(out.data);
        puts("\x01");
    }
    cx__buf_free(&out);
    free(line);
    return 0;
}
