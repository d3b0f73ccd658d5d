/* Notes a chip in the config.json of a model that is there, a hint for tools that changes no
 * weight: the guide's "Chip-Specific Optimization".
 *     cc chip.c $(pkg-config --cflags --libs cortex) && ./a.out FOLDER [CHIP]
 * FOLDER is one that cortex convert made, or any MLX folder. */
#include <cortex/convert.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    if (argc < 2) return fprintf(stderr, "usage: chip FOLDER [CHIP]\n"), 2;
    if (cx_convert_chip(argv[1], argc > 2 ? argv[2] : "m3_pro") != CX_OK)
        return fprintf(stderr, "%s\n", cx_error()), 1;
    printf("%s/config.json: see cortex_chip\n", argv[1]);
    return 0;
}
