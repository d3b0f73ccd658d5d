/* Standard error as people see it: progress bar, notes, failures; and Ctrl-C. */
#include "cmd.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static volatile sig_atomic_t caught;
static bool quiet, bar_shown;

/* SA_RESETHAND gives a second Ctrl-C its usual effect. */
static void on_signal(int sig)
{
    caught = sig;
}

void cx_terminal_init(bool be_quiet)
{
    static const int stops[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction stop = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    quiet = be_quiet;
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        struct sigaction old;
        /* nohup and background shells ignore some of these: leave that so. */
        if (!sigaction(stops[i], NULL, &old) && old.sa_handler != SIG_IGN)
            sigaction(stops[i], &stop, NULL);
    }
    sigaction(SIGPIPE, &ignore, NULL); /* a reader that leaves is an error of write() */
}

bool cx_quiet(void)
{
    return quiet;
}

bool cx_interrupted(void)
{
    return caught != 0;
}

int cx_failed(void)
{
    cx_progress_clear();
    if (caught) {
        fflush(stdout);
        fputs("stopped\n", stderr);
        return 128 + caught;
    }
    fflush(stdout);
    fprintf(stderr, "%s\n", *cx_error() ? cx_error() : "failed for an unknown reason");
    return 1;
}

int cx_finished(void)
{
    cx_progress_clear();
    if (fflush(stdout) || ferror(stdout)) {
        if (errno != EPIPE) fprintf(stderr, "standard output: %s\n", strerror(errno));
        return 1;
    }
    return caught ? 128 + caught : 0;
}

void cx_note(const char *fmt, ...)
{
    va_list ap;
    if (quiet) return;
    cx_progress_clear();
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
}

const char *cx_bytes_text(uint64_t bytes, char *out, size_t len)
{
    static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB" };
    double v = (double)bytes;
    size_t u = 0;
    while (v >= 999.5 && u < 5) {
        v /= 1000;
        u++;
    }
    snprintf(out, len, u && v < 99.95 ? (v < 9.995 ? "%.2f %s" : "%.1f %s") : "%.0f %s", v,
             units[u]);
    return out;
}

/* "12.3 MB" for bytes, "1234" for things. */
static const char *amount(uint64_t n, const char *unit, char *out, size_t len)
{
    if (!strcmp(unit, "B")) return cx_bytes_text(n, out, len);
    snprintf(out, len, "%llu", (unsigned long long)n);
    return out;
}

static int columns(void)
{
    struct winsize w;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col >= 20 ? w.ws_col : 80;
}

void cx_progress_clear(void)
{
    if (bar_shown) fputs("\r\033[K", stderr);
    bar_shown = false;
}

/* One line: what, bar, share, done of total, rate, time left. */
static void draw(const char *what, uint64_t done, uint64_t total, const char *unit, double rate)
{
    char line[256], d[32], t[32], r[32], left[32] = "", bar[41] = "";
    bool bytes = !strcmp(unit, "B");
    double share = total ? (double)done / (double)total : 0;
    int cells = columns() >= 100 ? 40 : columns() >= 80 ? 20 : 0;
    if (share > 1) share = 1;
    if (!total) cells = 0;
    for (int i = 0; i < cells; i++) bar[i] = i < (int)(share * cells + 0.5) ? '#' : '.';
    if (total && rate > 0 && done < total) {
        unsigned long long s = (unsigned long long)((double)(total - done) / rate + 0.5);
        if (s < 360000) snprintf(left, sizeof left, "  %llu:%02llu left", s / 60, s % 60);
    }
    int n = snprintf(line, sizeof line, "%s  %s%s", what, bar, cells ? "  " : "");
    if (total)
        n += snprintf(line + n, sizeof line - (size_t)n, "%3.0f %%  %s of %s", share * 100,
                      amount(done, unit, d, sizeof d), amount(total, unit, t, sizeof t));
    else n += snprintf(line + n, sizeof line - (size_t)n, "%s", amount(done, unit, d, sizeof d));
    if (!bytes) n += snprintf(line + n, sizeof line - (size_t)n, " %s", unit);
    if (rate > 0)
        snprintf(line + n, sizeof line - (size_t)n, "  %s%s/s%s",
                 amount((uint64_t)rate, unit, r, sizeof r), bytes ? "" : " ", left);
    fprintf(stderr, "\r\033[K%.*s", columns() - 1, line);
    fflush(stderr);
    bar_shown = true;
}

int cx_progress_show(void *user, const char *what, uint64_t done, uint64_t total, const char *unit)
{
    static char phase[64];
    static double began, drawn;
    static int terminal = -1;
    (void)user;
    if (terminal < 0) {
        const char *term = getenv("TERM");
        terminal = isatty(STDERR_FILENO) && (!term || strcmp(term, "dumb") != 0);
    }
    if (!terminal || quiet) return cx_interrupted();
    double now = cx__now();
    if (strncmp(phase, what, sizeof phase - 1) != 0) { /* another kind of work: another clock */
        snprintf(phase, sizeof phase, "%s", what);
        began = now;
        drawn = 0;
    }
    /* Work that is over in a moment needs no bar. */
    if (now - began < 0.3 || (now - drawn < 0.1 && done != total)) return cx_interrupted();
    drawn = now;
    draw(what, done, total, unit, (double)done / (now - began));
    return cx_interrupted();
}
