/* What the commands share: exit, progress, Ctrl-C, input, finding models. */
#ifndef CX_CMD_H
#define CX_CMD_H

#include "options.h"
#include <stdio.h>

/* ---- main.c ---- */
/* Says that there is no such command, with the nearest; returns 2. */
int cx_no_command(const char *name);

/* ---- terminal.c ---- */
/* Takes over SIGINT, SIGTERM and SIGHUP: the first sets a flag, the second kills. */
void cx_terminal_init(bool quiet);
bool cx_quiet(void);
bool cx_interrupted(void);
/* Prints cx_error() as one line on standard error. Exit status: 1, or 128 + signal after one. */
int cx_failed(void);
/* Exit status of a run that went well so far: flushes standard output; see cx_failed. */
int cx_finished(void);
/* A note on standard error, nothing under --quiet. */
void cx_note(const char *fmt, ...) CX_PRINTF(1, 2);
/* A cx_progress_fn: a bar with rate and time left on a terminal; asks to stop after Ctrl-C. */
int cx_progress_show(void *user, const char *what, uint64_t done, uint64_t total, const char *unit);
void cx_progress_clear(void);
/* "1.25 GB" (powers of ten, as file managers and disks count). */
const char *cx_bytes_text(uint64_t bytes, char *out, size_t len);

/* ---- input.c ---- */
/* The whole of a file of any kind, or of standard input for "-"; at most 1 GiB. *text is
 * NUL-terminated; caller cx__free()s. */
cx_status cx_input_read(const char *path, char **text, size_t *len);
/* Whole numbers: a JSON list, or numbers between blanks and commas. Caller cx__free()s. */
cx_status cx_input_ids(const char *where, const char *text, size_t len, int32_t **ids,
                       size_t *count);
/* Prints v as Python's json.dumps does with indent 4, and a newline. */
cx_status cx_output_json(const json_t *v);

/* ---- source.c ---- */
typedef struct cx_source_options {
    const char *revision, *file; /* of a model on the hub, see <cortex/hub.h>; NULL: by rule */
    bool offline;                /* the cache only */
    bool download;               /* what is not whole in the cache */
    bool files;                  /* a file will do too */
} cx_source_options;
/* Folder of a model: a folder as it is, the name of one that convert made, "org/name" from the
 * Hugging Face cache or the hub, NULL or "" the bundled one. Caller cx__free()s *folder. */
cx_status cx_source_find(const char *name, const cx_source_options *o, char **folder);
/* The same with downloads and no other option. */
cx_status cx_model_find(const char *name, char **folder);

#endif
