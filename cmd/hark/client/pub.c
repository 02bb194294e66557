/* pub.c - `hark pub`: standard input to a stream, an event a line.
 *
 * The lines are sent ahead of their acknowledgements, up to a window, so that the server can sync
 * many at once. They are passed on as they were read, without looking further than for their ends;
 * a half line waits here, for however long its writer takes: the server gives it a minute only.
 * What counts as published is what was acknowledged, and nothing is sent twice: after a broken
 * connection nobody could tell a repeated line from a new one, so it is reported instead.
 */
#include "client/client.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/say.h"
#include "client/connection.h"
#include "client/printer.h"
#include "client/signals.h"
#include "client/target.h"
#include "hark.h"

enum {
    INPUT_BYTES = 64 * 1024,
    WINDOW_LINES = 16 * 1024, /* sent and not acknowledged; what was read last may go past it */
};

struct publisher {
    struct client_target target;
    struct client_connection connection;
    struct printer printer; /* of ids */
    struct hark_op read;
    struct hark_op progress;
    struct client_signals signals;

    bool print_ids;
    bool quiet;

    uint64_t lines;        /* ended by LF and handed to the connection */
    uint64_t acknowledged; /* answered with an id */
    uint64_t started_ns;
    size_t kept; /* bytes of the line that has not ended yet, at the beginning of `input` */
    bool writable;
    bool input_ended;
    bool open;
    int code;
    char input[LINES_EVENT_BYTES_MAX + INPUT_BYTES];
};

static void read_on(struct publisher *publisher);

/* Ends everything; hark_run then returns. */
static void finish(struct publisher *publisher)
{
    publisher->input_ended = true;
    hark_cancel(&publisher->read);
    hark_cancel(&publisher->progress);
    client_signals_done(&publisher->signals);
    printer_unwatch(&publisher->printer);
    client_connection_close(&publisher->connection);
}

static void fail(struct publisher *publisher)
{
    publisher->code = EXIT_REFUSED;
    finish(publisher);
}

static void finish_when_all_acknowledged(struct publisher *publisher)
{
    if (publisher->input_ended && publisher->acknowledged == publisher->lines)
        finish(publisher);
}

static void send_piece(struct publisher *publisher, const char *bytes, size_t count)
{
    if (!client_connection_write(&publisher->connection, bytes, count))
        publisher->writable = false;
}

/* Sends the lines that are whole, and keeps the beginning of the next. Takes: fresh: bytes that
 * were read behind the kept ones. Gives: false: a line is too long. */
static bool send_lines(struct publisher *publisher, size_t fresh)
{
    size_t end = publisher->kept + fresh;
    size_t line = 0; /* where the line at hand begins */
    size_t at = publisher->kept;
    bool fits = true;
    while (fits) {
        const char *lf = memchr(publisher->input + at, '\n', end - at);
        if (!lf)
            break;
        at = (size_t)(lf - publisher->input) + 1;
        fits = at - line <= LINES_EVENT_BYTES_MAX + 1;
        if (fits) {
            publisher->lines++;
            line = at;
        }
    }
    if (line)
        send_piece(publisher, publisher->input, line);
    publisher->kept = end - line;
    memmove(publisher->input, publisher->input + line, publisher->kept);
    return fits && publisher->kept <= LINES_EVENT_BYTES_MAX;
}

/* The last line needs no LF in the input, but it does on the wire. */
static void end_input(struct publisher *publisher)
{
    publisher->input_ended = true;
    if (publisher->kept) {
        publisher->lines++;
        publisher->input[publisher->kept++] = '\n';
        send_piece(publisher, publisher->input, publisher->kept);
    }
    finish_when_all_acknowledged(publisher);
}

/* Nothing more is read; what was sent is waited for. */
static void stop_reading(struct publisher *publisher)
{
    publisher->code = EXIT_REFUSED;
    publisher->input_ended = true;
    finish_when_all_acknowledged(publisher);
}

static void input_read(struct hark_op *op, int64_t count)
{
    struct publisher *publisher = hark_container_of(op, struct publisher, read);
    if (count == -ECANCELED || publisher->input_ended)
        return finish_when_all_acknowledged(
            publisher); /* interrupted: a line that has only begun is left away */
    if (count < 0) {
        say("cannot read standard input: %s", why(count));
        return stop_reading(publisher);
    }
    if (count == 0)
        return end_input(publisher);
    if (!send_lines(publisher, (size_t)count)) {
        say("line %" PRIu64 " is longer than %d bytes, the limit of an event: it and all after it "
            "were not published",
            publisher->lines + 1, LINES_EVENT_BYTES_MAX);
        return stop_reading(publisher);
    }
    read_on(publisher);
}

/* Reads the next piece, if connection and window have room for it. */
static void read_on(struct publisher *publisher)
{
    bool room = publisher->writable && publisher->lines - publisher->acknowledged < WINDOW_LINES;
    if (room && !publisher->input_ended && !hark_op_active(&publisher->read))
        hark_read(publisher->target.loop, &publisher->read, STDIN_FILENO,
                  publisher->input + publisher->kept, INPUT_BYTES, HARK_AT_POSITION, input_read);
}

static void opened(struct client_connection *connection)
{
    struct publisher *publisher = hark_container_of(connection, struct publisher, connection);
    char command[CLIENT_TOKEN_LINE_BYTES + NAME_BYTES_MAX + 16];
    int length = snprintf(command, sizeof command, "%sPUB %s ack\n", publisher->target.token.line,
                          publisher->target.stream);
    publisher->writable = true;
    publisher->started_ns = hark_now(publisher->target.loop);
    send_piece(publisher, command, (size_t)length);
    read_on(publisher);
}

/* Gives: false: no memory. Answers are held back while standard output takes nothing. */
static bool print_id(struct publisher *publisher, uint64_t id)
{
    struct printer *printer = &publisher->printer;
    char text[ID_BYTES_MAX + 1];
    size_t length = id_format(id, text);
    text[length++] = '\n';
    if (printer->error)
        return true; /* it was said */
    if (printer_add(printer, text, length)) {
        say("an id does not fit into memory");
        return false;
    }
    printer_end_event(printer);
    printer_flush(printer);
    if (printer_full(printer))
        client_connection_pause(&publisher->connection);
    return true;
}

static void printer_drained(struct printer *printer)
{
    client_connection_resume(&hark_container_of(printer, struct publisher, printer)->connection);
}

/* What was sent is waited for all the same. */
static void printer_failed(struct printer *printer, int error)
{
    struct publisher *publisher = hark_container_of(printer, struct publisher, printer);
    if (error != -EPIPE && error != -ETIMEDOUT)
        say("cannot write to standard output: %s", why(error));
    client_connection_resume(&publisher->connection);
    hark_cancel(&publisher->read);
    stop_reading(publisher);
}

static void answered(struct client_connection *connection, const struct lines_output *output)
{
    struct publisher *publisher = hark_container_of(connection, struct publisher, connection);
    if (output->kind != LINES_ID || publisher->acknowledged == publisher->lines) {
        say("%s: an answer that was not asked for (is it the lines port of hark serve?)",
            publisher->target.server);
        return fail(publisher);
    }
    publisher->acknowledged++;
    if (publisher->print_ids && !print_id(publisher, output->id))
        return fail(publisher);
    if (publisher->input_ended)
        finish_when_all_acknowledged(publisher);
    else
        read_on(publisher);
}

static void drained(struct client_connection *connection)
{
    struct publisher *publisher = hark_container_of(connection, struct publisher, connection);
    publisher->writable = true;
    read_on(publisher);
}

static void ended(struct client_connection *connection)
{
    struct publisher *publisher = hark_container_of(connection, struct publisher, connection);
    bool all = publisher->input_ended && publisher->acknowledged == publisher->lines;
    if (!publisher->open)
        return;
    publisher->open = false;
    if (connection->error || *connection->reason || !all) {
        if (publisher->code == EXIT_DONE)
            client_connection_say_ended(connection, "");
        publisher->code = EXIT_REFUSED;
    }
    finish(publisher);
    if (client_connection_looks_up(connection))
        hark_stop(
            publisher->target.loop); /* a name server that does not answer is not waited for */
}

static const struct client_connection_events events = {
    .opened = opened,
    .line = answered,
    .drained = drained,
    .ended = ended,
};

/* The first signal stops reading and waits for what is on its way; the second gives that up. */
static void interrupted(struct client_signals *signals)
{
    struct publisher *publisher = hark_container_of(signals, struct publisher, signals);
    if (publisher->input_ended || !publisher->writable) {
        if (publisher->print_ids)
            printer_give_up_soon(&publisher->printer);
        return fail(publisher);
    }
    publisher->code = EXIT_REFUSED;
    publisher->input_ended = true;
    if (hark_op_active(&publisher->read))
        hark_cancel(&publisher->read);
    else
        finish_when_all_acknowledged(publisher);
}

static void show_progress(struct hark_op *op, int64_t periods)
{
    struct publisher *publisher = hark_container_of(op, struct publisher, progress);
    if (periods < 0)
        return;
    double seconds = (double)(hark_now(publisher->target.loop) - publisher->started_ns) / 1e9;
    double rate = seconds > 0 ? (double)publisher->acknowledged / seconds : 0;
    char text[80];
    snprintf(text, sizeof text, "\r\033[K%" PRIu64 " acknowledged, %.0f/s", publisher->acknowledged,
             rate);
    say_progress(text);
}

/* Runs the loop until all is done. */
static int publish(struct publisher *publisher)
{
    bool progress = !publisher->quiet && hark_os_isatty(STDERR_FILENO);
    publisher->open = true;
    client_connection_open(publisher->target.loop, &publisher->connection, &publisher->target.name,
                           &publisher->target.tls, &events);
    client_signals_watch(publisher->target.loop, &publisher->signals, interrupted);
    if (publisher->print_ids)
        printer_init(&publisher->printer, publisher->target.loop, printer_drained, printer_failed);
    if (progress)
        hark_every(publisher->target.loop, &publisher->progress, 200ULL * 1000 * 1000,
                   show_progress);
    int error = hark_run(publisher->target.loop);
    if (progress)
        say_progress("\r\033[K");
    printer_done(&publisher->printer);
    if (error < 0)
        say("the loop cannot go on: %s", why(error));
    return error < 0 ? EXIT_REFUSED : publisher->code;
}

static const char *set_id(void *target, const char *value)
{
    ((struct publisher *)target)->print_ids = strcmp(value, "yes") == 0;
    return NULL;
}

static const char *set_quiet(void *target, const char *value)
{
    ((struct publisher *)target)->quiet = strcmp(value, "yes") == 0;
    return NULL;
}

static const struct option_row rows[] = {
    {"server", 's', "HOST:PORT",
     "the server's lines port [127.0.0.1:12346]; a name is looked up, and\nthe first of its "
     "addresses that answers is taken",
     client_target_set_server},
    {"id", 'i', NULL,
     "print the id of each acknowledged event; the count then goes\nto standard error", set_id},
    {"quiet", 'q', NULL, "no progress on the terminal, and no count at the end", set_quiet},
    CLIENT_TARGET_TOKEN_ROW,
    CLIENT_TARGET_TLS_ROWS,
    {"backend", 'b', "NAME", "the loop's backend: auto, uring, epoll, poll, select [auto]",
     client_target_set_backend},
};

const struct options_command client_pub_options = {
    .name = "pub",
    .usage = "STREAM [OPTION]...",
    .about = "Publishes each line of standard input as an event of STREAM, and says at the end how "
             "many\n"
             "the server has acknowledged: those are on its disk.\n",
    .after =
        "Ctrl-C stops reading and waits for the answers to what was sent; a second one gives up.\n"
        "\n"
        "Examples:\n"
        "  echo 'it rains' | hark pub weather\n"
        "  tail -F /var/log/syslog | hark pub syslog --server 192.0.2.7:12346\n"
        "  seq 100000 | hark pub numbers\n"
        "\n"
        "Exit code: 0 every line was acknowledged; 1 not every line; 2 wrong usage.\n",
    .rows = rows,
    .count = sizeof rows / sizeof *rows,
    .operands_min = 1,
    .operands_max = 1,
    .operands = "the STREAM to publish to",
};

static void report(const struct publisher *publisher)
{
    uint64_t open = publisher->lines - publisher->acknowledged;
    if (open)
        say("%" PRIu64 " lines were sent and not acknowledged: they may be in the stream or not",
            open);
    char text[64];
    snprintf(text, sizeof text, "%" PRIu64 " acknowledged\n", publisher->acknowledged);
    if (!publisher->quiet && publisher->print_ids)
        say_progress(text);
    else if (!publisher->quiet)
        fputs(text, stdout);
}

/* *out_left: the loop could not be ended, and points at the publisher still. */
static int run(struct publisher *publisher, int argc, char **argv, bool *out_left)
{
    struct options_found found;
    int code;
    publisher->target.server = CLIENT_SERVER_DEFAULT;
    if (!options_parse(&client_pub_options, NULL, argc, argv, publisher, &found, &code))
        return code;
    code = client_target_open(&publisher->target, "pub", found.operands[0]);
    if (code != EXIT_DONE)
        return code;
    code = publish(publisher);
    *out_left = !client_target_close(&publisher->target);
    report(publisher);
    return code;
}

int client_pub_run(int argc, char **argv)
{
    struct publisher *publisher = calloc(1, sizeof *publisher);
    if (!publisher) {
        say("pub: %s", why(ENOMEM));
        return EXIT_REFUSED;
    }
    bool left = false;
    int code = run(publisher, argc, argv, &left);
    if (!left)
        free(publisher);
    return code;
}
