/* tty.h - terminals: their size, and taking keys as they are typed.
 *
 * A terminal's bytes go over a stream (hark_stream_open_pair) or over reads and writes of file.h.
 * The calls here take no loop and never wait.
 *
 * Fails, for every call here that takes a descriptor: -EBADF; -ENOTTY it is no terminal, such as
 *   all that a simulated world has.
 */
#ifndef HARK_TTY_H
#define HARK_TTY_H

#include "base.h"

HARK_BEGIN

/* How many letters fit. That it has changed the program is told by SIGWINCH, which
 * hark_signal_each makes an event.
 * Takes: out_columns, out_rows: NULL: not asked.
 * Gives: 0 and both; each is 0 where the terminal does not know, as on a serial line.
 * Thread: any. */
HARK_API int hark_tty_size(int fd, unsigned *out_columns, unsigned *out_rows);

/* What hark_tty_raw leaves as it is. */
enum {
    HARK_TTY_SIGNALS = 1, /* Ctrl-C, Ctrl-Z and Ctrl-\ send their signals */
    HARK_TTY_OUTPUT = 2,  /* what is written is worked on: a new line returns to its beginning */
};

/* Raw mode, as cfmakeraw(3): each key comes as it is pressed, nothing is echoed, edited or
 * interpreted. The mode belongs to the terminal and is seen by all who share it, the shell
 * afterwards too: what it was before is remembered until hark_tty_restore. On one that is raw
 * already, by whichever descriptor, what is kept is changed; but /dev/tty passes for a terminal of
 * its own, to be put back first if it was made raw last.
 * Takes: keep: HARK_TTY_SIGNALS, HARK_TTY_OUTPUT or 0.
 * Gives: 0.
 * Fails: -EINVAL other bits; -EMFILE eight are raw already; -EIO it has hung up.
 * Thread: any, but two at a time for one descriptor. */
HARK_API int hark_tty_raw(int fd, unsigned keep);

/* Puts a terminal back to what it was before hark_tty_raw. One that is not raw: nothing happens.
 * Call it before the descriptor is closed.
 * Gives: 0.
 * Fails: -EIO it has hung up; it is forgotten all the same.
 * Thread: any, but two at a time for one descriptor. */
HARK_API int hark_tty_restore(int fd);

/* Does so with every terminal that is raw. The library does not decide when: a program gives this
 * to atexit(3), and calls it in its handlers of the signals that end it, such as SIGTERM, SIGSEGV
 * and SIGABRT.
 * Thread: any, and any signal handler. */
HARK_API void hark_tty_restore_all(void);

HARK_END

#endif
