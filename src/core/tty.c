/* tty.c - the size of terminals, and raw mode.
 *
 * What a terminal was like before is kept in a few static places, since hark_tty_restore_all is
 * called by signal handlers, and when the program's memory may be anything. What must hold: a place
 * is KEPT only while all of it is written; whoever takes it out of that state first puts the
 * terminal back, and nobody else does. */
#include "hark/tty.h"
#include "kernel/kernel.h"

#include <stdatomic.h>

enum { PLACES = 8 };

enum { FREE, BUSY, KEPT };

static KERNEL_PROCESS_LOCAL struct place {
    _Atomic(int) state; /* FREE, BUSY, KEPT */
    int fd;
    struct termios before;
} places[PLACES];

int hark_tty_size(int fd, unsigned *out_columns, unsigned *out_rows)
{
    struct winsize size;
    int error = kernel_ioctl(NULL, fd, TIOCGWINSZ, &size);
    if (error < 0)
        return error;
    if (out_columns)
        *out_columns = size.ws_col;
    if (out_rows)
        *out_rows = size.ws_row;
    return 0;
}

static bool change_state(struct place *place, int from, int to)
{
    return atomic_compare_exchange_strong(&place->state, &from, to);
}

static struct place *find(int fd)
{
    for (struct place *place = places; place < places + PLACES; place++)
        if (atomic_load(&place->state) == KEPT && place->fd == fd)
            return place;
    return NULL;
}

static struct place *keep_before(int fd, const struct termios *before)
{
    for (struct place *place = places; place < places + PLACES; place++) {
        if (!change_state(place, FREE, BUSY))
            continue;
        place->fd = fd;
        place->before = *before;
        atomic_store(&place->state, KEPT);
        return place;
    }
    return NULL;
}

static int put_back(struct place *place)
{
    if (!change_state(place, KEPT, BUSY))
        return 0;
    int error = kernel_tcsetattr(NULL, place->fd, &place->before);
    atomic_store(&place->state, FREE);
    return error;
}

static void make_raw(struct termios *settings, unsigned keep)
{
    const tcflag_t signals = keep & HARK_TTY_SIGNALS ? ISIG : 0;
    const tcflag_t output = keep & HARK_TTY_OUTPUT ? OPOST : 0;
    settings->c_iflag &=
        ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    settings->c_oflag &= ~((tcflag_t)OPOST ^ output);
    settings->c_lflag &= ~((tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN) ^ signals);
    settings->c_cflag = (settings->c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8;
    settings->c_cc[VMIN] = 1;
    settings->c_cc[VTIME] = 0;
}

int hark_tty_raw(int fd, unsigned keep)
{
    struct termios settings;
    if (keep & ~(unsigned)(HARK_TTY_SIGNALS | HARK_TTY_OUTPUT))
        return -EINVAL;
    int error = kernel_tcgetattr(NULL, fd, &settings);
    if (error < 0)
        return error;
    struct place *place = find(fd);
    if (place)
        settings = place->before;
    else
        place = keep_before(fd, &settings);
    if (!place)
        return -EMFILE;
    make_raw(&settings, keep);
    error = kernel_tcsetattr(NULL, fd, &settings);
    if (error < 0)
        (void)put_back(place); /* and its place is free */
    return error;
}

int hark_tty_restore(int fd)
{
    struct place *place = find(fd);
    return place ? put_back(place) : 0;
}

void hark_tty_restore_all(void)
{
    int kept = errno; /* a signal handler leaves it as it was */
    for (struct place *place = places; place < places + PLACES; place++)
        (void)put_back(place);
    errno = kept;
}
