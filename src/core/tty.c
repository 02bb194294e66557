/* tty.c - the size of terminals, and raw mode.
 *
 * What a terminal was like before is kept in a few static places, since hark_tty_restore_all is
 * called by signal handlers, and when the program's memory may be anything. What must hold: a place
 * is KEPT only while all of it is written; whoever takes it out of that state first puts the
 * terminal back, and nobody else does; a terminal has one place, whatever descriptors it has, as
 * what it was like before is what the first of them has found. One that is not known to be the same
 * (by /dev/tty it has another name) is put back first if it was made raw last. */
#include "hark/tty.h"
#include "kernel/kernel.h"

#include <stdatomic.h>

enum { PLACES = 8 };

enum { FREE, BUSY, KEPT };

/* Which one it is: numbers come again in each mount of devpts(5). */
struct terminal {
    int fd;
    bool known;
    unsigned number;
    dev_t mount;
};

static KERNEL_PROCESS_LOCAL struct place {
    _Atomic(int) state; /* FREE, BUSY, KEPT */
    unsigned order;     /* the higher, the later it was made raw */
    struct terminal terminal;
    struct termios before;
} places[PLACES];

static KERNEL_PROCESS_LOCAL _Atomic(unsigned) next_order;

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

static struct terminal terminal_of(int fd)
{
    struct terminal terminal = {.fd = fd};
    struct stat status;
    if (kernel_ioctl(NULL, fd, TIOCGDEV, &terminal.number) >= 0 &&
        kernel_fstat(NULL, fd, &status) >= 0) {
        terminal.known = true;
        terminal.mount = status.st_dev;
    }
    return terminal;
}

/* Of one that has hung up, or is closed, the descriptor alone is known. */
static bool is_same(const struct terminal *one, const struct terminal *other)
{
    if (one->known && other->known)
        return one->number == other->number && one->mount == other->mount;
    return one->fd == other->fd;
}

static struct place *find(const struct terminal *terminal)
{
    for (struct place *place = places; place < places + PLACES; place++)
        if (atomic_load(&place->state) == KEPT && is_same(&place->terminal, terminal))
            return place;
    return NULL;
}

static struct place *keep_before(const struct terminal *terminal, const struct termios *before)
{
    for (struct place *place = places; place < places + PLACES; place++) {
        if (!change_state(place, FREE, BUSY))
            continue;
        place->order = atomic_fetch_add(&next_order, 1);
        place->terminal = *terminal;
        place->before = *before;
        atomic_store(&place->state, KEPT);
        return place;
    }
    return NULL;
}

static int put_back(struct place *place, int fd)
{
    if (!change_state(place, KEPT, BUSY))
        return 0;
    int error = kernel_tcsetattr(NULL, fd, &place->before);
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
    struct terminal terminal = terminal_of(fd);
    struct place *place = find(&terminal);
    if (place)
        settings = place->before;
    else
        place = keep_before(&terminal, &settings);
    if (!place)
        return -EMFILE;
    make_raw(&settings, keep);
    error = kernel_tcsetattr(NULL, fd, &settings);
    if (error < 0)
        (void)put_back(place, fd); /* and its place is free */
    return error;
}

int hark_tty_restore(int fd)
{
    struct terminal terminal = terminal_of(fd);
    struct place *place = find(&terminal);
    return place ? put_back(place, fd) : 0; /* the other one may be closed */
}

static struct place *find_newest(void)
{
    struct place *newest = NULL;
    for (struct place *place = places; place < places + PLACES; place++)
        if (atomic_load(&place->state) == KEPT && (!newest || place->order > newest->order))
            newest = place;
    return newest;
}

void hark_tty_restore_all(void)
{
    int kept = errno; /* a signal handler leaves it as it was */
    struct place *place;
    while ((place = find_newest()))
        (void)put_back(place, place->terminal.fd);
    errno = kept;
}
