/* printer.c - two blocks take turns: one is filled with what comes, the other is being written.
 * When a write has ended they change places, so that everything that came meanwhile goes out in the
 * next write. Of an event that is not whole yet nothing is written: it may have to be dropped when
 * the connection breaks.
 */
#include "client/printer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const uint64_t last_words_ns = 1000 * 1000 * 1000; /* for what is to be printed still */

static void write_on(struct printer *printer);

static void fail(struct printer *printer, int error)
{
    if (printer->error)
        return;
    printer->error = error;
    printer->failed(printer, error);
}

static void reader_gone(struct hark_op *op, int64_t events)
{
    struct printer *printer = hark_container_of(op, struct printer, watch);
    if (events > 0 && !hark_op_active(&printer->write)) /* a write finds out by itself */
        fail(printer, -EPIPE);
}

/* Whoever reads a pipe or a socket may end while there is nothing to write: then there would never
 * be. */
static void watch_reader(struct printer *printer)
{
    struct stat is;
    if (hark_os_fstat(STDOUT_FILENO, &is) == 0 && (S_ISFIFO(is.st_mode) || S_ISSOCK(is.st_mode)))
        hark_poll(printer->loop, &printer->watch, STDOUT_FILENO, HARK_POLL_ERROR | HARK_POLL_HANGUP,
                  reader_gone);
}

void printer_init(struct printer *printer, struct hark_loop *loop,
                  void (*drained)(struct printer *printer),
                  void (*failed)(struct printer *printer, int error))
{
    memset(printer, 0, sizeof *printer);
    printer->loop = loop;
    printer->drained = drained;
    printer->failed = failed;
    printer->deadline_ns = HARK_NEVER;
    watch_reader(printer);
}

int printer_add(struct printer *printer, const void *bytes, size_t count)
{
    struct printer_block *block = &printer->filling;
    if (block->room - block->count < count) {
        size_t room = block->room ? block->room : 64 * 1024;
        while (room - block->count < count)
            room *= 2;
        char *larger = realloc(block->bytes, room);
        if (!larger)
            return -ENOMEM;
        block->bytes = larger;
        block->room = room;
    }
    if (count)
        memcpy(block->bytes + block->count, bytes, count);
    block->count += count;
    return 0;
}

void printer_end_event(struct printer *printer)
{
    printer->whole = printer->filling.count;
}

void printer_drop_event(struct printer *printer)
{
    printer->filling.count = printer->whole;
}

static void written(struct hark_op *op, int64_t count)
{
    struct printer *printer = hark_container_of(op, struct printer, write);
    if (count <= 0) {
        fail(printer, count ? (int)count : -EIO);
        return;
    }
    printer->written += (size_t)count;
    if (printer->written < printer->writing.count)
        return write_on(printer);
    printer->writing.count = 0;
    printer_flush(printer);
    if (!printer_full(printer))
        printer->drained(printer);
}

static void write_on(struct printer *printer)
{
    hark_write(printer->loop, &printer->write, STDOUT_FILENO,
               printer->writing.bytes + printer->written, printer->writing.count - printer->written,
               HARK_AT_POSITION, written);
    hark_op_deadline(&printer->write, printer->deadline_ns);
}

void printer_give_up_soon(struct printer *printer)
{
    printer->deadline_ns = hark_now(printer->loop) + last_words_ns;
    hark_op_deadline(&printer->write, printer->deadline_ns);
}

void printer_flush(struct printer *printer)
{
    if (printer->error || printer->whole == 0 || hark_op_active(&printer->write))
        return;
    /* The beginning of an event that is not whole moves over to the block that is filled next. */
    struct printer_block full = printer->filling;
    size_t whole = printer->whole;
    printer->filling = printer->writing;
    printer->filling.count = 0;
    printer->whole = 0;
    if (printer_add(printer, full.bytes + whole, full.count - whole)) {
        printer->writing = full;
        printer->writing.count = 0;
        fail(printer, -ENOMEM);
        return;
    }
    full.count = whole;
    printer->writing = full;
    printer->written = 0;
    write_on(printer);
}

bool printer_full(const struct printer *printer)
{
    return printer->whole >= PRINTER_HIGH_BYTES;
}

bool printer_idle(const struct printer *printer)
{
    return printer->whole == 0 && !hark_op_active(&printer->write);
}

void printer_unwatch(struct printer *printer)
{
    hark_cancel(&printer->watch);
}

void printer_done(struct printer *printer)
{
    free(printer->filling.bytes);
    free(printer->writing.bytes);
    memset(printer, 0, sizeof *printer);
}
