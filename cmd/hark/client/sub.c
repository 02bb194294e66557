/* sub.c - `hark sub`: the events of a stream on standard output, without loss or repeats, for as
 * long as it runs.
 *
 * The position is the id of the last event that was taken over whole; after a broken connection the
 * server is asked for what follows it. Before the first event the position is the one that the
 * server names when a subscription "from now" begins, so that nothing is lost then either. While
 * standard output takes nothing, nothing is read from the server.
 *
 * Each time it connects, the server's name is looked up anew: the server may have moved.
 */
#include "client/client.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/say.h"
#include "client/connection.h"
#include "client/printer.h"
#include "client/signals.h"
#include "client/target.h"
#include "hark.h"
#include "options/value.h"

static const uint64_t back_off_first_ns = 100ULL * 1000 * 1000;
static const uint64_t back_off_max_ns = 5ULL * 1000 * 1000 * 1000;

struct subscriber {
    struct client_target target;
    struct client_connection connection;
    struct printer printer;
    struct hark_op back_off;
    struct client_signals signals;

    bool from_start;
    bool print_ids;
    bool once;
    uint64_t count_max; /* 0: without end */

    bool positioned; /* `after` is known */
    uint64_t after;
    uint64_t count;
    uint64_t back_off_ns;
    bool connected;  /* a connection is there, or being made */
    bool reached;    /* one was there before */
    bool in_trouble; /* it was said that the server cannot be reached */
    bool ending;
    int code;
};

static void connect_again(struct hark_op *op, int64_t result);

/* A name server that does not answer is not waited for at the end. */
static void leave_look_up(struct subscriber *subscriber)
{
    if (subscriber->ending && !subscriber->connected &&
        client_connection_looks_up(&subscriber->connection) &&
        (subscriber->printer.error || printer_idle(&subscriber->printer)))
        hark_stop(subscriber->target.loop);
}

/* Lets go of everything once what was taken over is printed; hark_run then returns. */
static void finish(struct subscriber *subscriber, int code)
{
    if (subscriber->ending)
        return;
    subscriber->ending = true;
    subscriber->code = code;
    hark_cancel(&subscriber->back_off);
    client_signals_done(&subscriber->signals);
    printer_unwatch(&subscriber->printer);
    if (subscriber->connected)
        client_connection_close(&subscriber->connection);
    leave_look_up(subscriber);
}

static void printer_drained(struct printer *printer)
{
    struct subscriber *subscriber = hark_container_of(printer, struct subscriber, printer);
    if (subscriber->connected)
        client_connection_resume(&subscriber->connection);
    leave_look_up(subscriber);
}

static void printer_failed(struct printer *printer, int error)
{
    struct subscriber *subscriber = hark_container_of(printer, struct subscriber, printer);
    leave_look_up(subscriber);
    if (error == -EPIPE) /* a reader that has seen enough, such as head, is no trouble */
        return finish(subscriber, EXIT_DONE);
    if (error == -ETIMEDOUT) /* a terminal that has stopped takes no message either */
        return finish(subscriber, EXIT_REFUSED);
    say("cannot write to standard output: %s", why(error));
    finish(subscriber, EXIT_REFUSED);
    subscriber->code = EXIT_REFUSED; /* it may be ending already: what it has counted is not out */
}

static void opened(struct client_connection *connection)
{
    struct subscriber *subscriber = hark_container_of(connection, struct subscriber, connection);
    char command[CLIENT_TOKEN_LINE_BYTES + NAME_BYTES_MAX + 64];
    const struct client_target *target = &subscriber->target;
    int length;
    if (subscriber->positioned)
        length = snprintf(command, sizeof command, "%sSUB %s after %" PRIu64 "\n",
                          target->token.line, target->stream, subscriber->after);
    else
        length = snprintf(command, sizeof command, "%sSUB %s %s\n", target->token.line,
                          target->stream, subscriber->from_start ? "start" : "now");
    client_connection_write(connection, command, (size_t)length);
}

/* Adds a line of output, with what stands in front of it if ids are asked for. Gives: 0;
 * -ENOMEM. */
static int add_line(struct subscriber *subscriber, const struct lines_output *output)
{
    struct printer *printer = &subscriber->printer;
    int error = 0;
    if (subscriber->print_ids) {
        char id[ID_BYTES_MAX + 1] = "+";
        size_t length = output->kind == LINES_EVENT ? id_format(output->id, id) : 1;
        id[length++] = '\t';
        error = printer_add(printer, id, length);
    }
    if (!error)
        error = printer_add(printer, output->bytes, output->count);
    return error ? error : printer_add(printer, "\n", 1);
}

static void take_event(struct subscriber *subscriber, const struct lines_output *output)
{
    if (add_line(subscriber, output)) {
        say("an event does not fit into memory");
        return finish(subscriber, EXIT_REFUSED);
    }
    if (output->kind == LINES_PART)
        return;
    printer_end_event(&subscriber->printer);
    subscriber->after = output->id;
    subscriber->positioned = true;
    subscriber->count++;
    printer_flush(&subscriber->printer);
    if (printer_full(&subscriber->printer))
        client_connection_pause(&subscriber->connection);
    if (subscriber->count == subscriber->count_max)
        finish(subscriber, EXIT_DONE);
}

static void line(struct client_connection *connection, const struct lines_output *output)
{
    struct subscriber *subscriber = hark_container_of(connection, struct subscriber, connection);
    subscriber->back_off_ns = 0;
    if (subscriber->in_trouble)
        say("%s: connected again", subscriber->target.server);
    subscriber->in_trouble = false;
    switch (output->kind) {
    case LINES_EVENT:
    case LINES_PART:
        take_event(subscriber, output);
        break;
    case LINES_GAP:
        say("%s: the events after %" PRIu64 " and before %" PRIu64 " are no longer kept: a gap",
            subscriber->target.stream, output->after, output->id);
        break;
    case LINES_ID: /* where a subscription "now" begins */
        subscriber->after = output->id;
        subscriber->positioned = true;
        break;
    case LINES_ERROR: /* the connection keeps it */
        break;
    }
}

/* Waits before the next try: twice as long each time, and not as long as all the others who lost
 * the same server. */
static void back_off(struct subscriber *subscriber)
{
    uint64_t wait_ns = subscriber->back_off_ns ? 2 * subscriber->back_off_ns : back_off_first_ns;
    if (wait_ns > back_off_max_ns)
        wait_ns = back_off_max_ns;
    subscriber->back_off_ns = wait_ns;
    uint32_t random = 0;
    hark_os_random(subscriber->target.loop, &random, sizeof random);
    uint64_t jittered_ns = wait_ns / 2 + (wait_ns / 2 * random >> 32);
    hark_sleep(subscriber->target.loop, &subscriber->back_off, jittered_ns, connect_again);
}

static void ended(struct client_connection *connection)
{
    struct subscriber *subscriber = hark_container_of(connection, struct subscriber, connection);
    subscriber->connected = false;
    subscriber->reached = subscriber->reached || connection->connected;
    printer_drop_event(&subscriber->printer);
    if (subscriber->ending)
        return leave_look_up(subscriber);
    /* What the server refuses in words it would refuse again, unless it says otherwise, and a name
     * that nobody has ever known is a wrong one. */
    bool refused = *connection->reason && !lines_is_for_now(connection->reason);
    bool unknown = connection->error == HARK_LOOKUP_NOT_FOUND && !subscriber->reached;
    if (refused || subscriber->once || unknown) {
        client_connection_say_ended(connection, "");
        return finish(subscriber, EXIT_REFUSED);
    }
    if (!subscriber->in_trouble)
        client_connection_say_ended(connection, "; trying again");
    subscriber->in_trouble = true;
    back_off(subscriber);
}

static const struct client_connection_events events = {
    .opened = opened,
    .line = line,
    .drained = NULL,
    .ended = ended,
};

static void connect_now(struct subscriber *subscriber)
{
    subscriber->connected = true;
    client_connection_open(subscriber->target.loop, &subscriber->connection,
                           &subscriber->target.name, &subscriber->target.tls, &events);
}

static void connect_again(struct hark_op *op, int64_t result)
{
    struct subscriber *subscriber = hark_container_of(op, struct subscriber, back_off);
    if (result < 0 || subscriber->ending)
        return;
    connect_now(subscriber);
}

/* Ctrl-C is the usual way to end, also if the terminal has stopped taking what is printed. */
static void interrupted(struct client_signals *signals)
{
    struct subscriber *subscriber = hark_container_of(signals, struct subscriber, signals);
    printer_give_up_soon(&subscriber->printer);
    finish(subscriber, EXIT_DONE);
}

static int subscribe(struct subscriber *subscriber)
{
    client_signals_watch(subscriber->target.loop, &subscriber->signals, interrupted);
    printer_init(&subscriber->printer, subscriber->target.loop, printer_drained, printer_failed);
    hark_defer(subscriber->target.loop, &subscriber->back_off, connect_again);
    int error = hark_run(subscriber->target.loop);
    if (error < 0)
        say("the loop cannot go on: %s", why(error));
    printer_done(&subscriber->printer);
    return error < 0 ? EXIT_REFUSED : subscriber->code;
}

static const char *set_after(void *target, const char *value)
{
    struct subscriber *subscriber = target;
    subscriber->from_start = strcmp(value, "start") == 0;
    subscriber->positioned = !subscriber->from_start;
    if (subscriber->positioned && id_parse(value, strlen(value), &subscriber->after))
        return "is neither an id nor start";
    return NULL;
}

static const char *set_count(void *target, const char *value)
{
    uint64_t *out = &((struct subscriber *)target)->count_max;
    const char *wrong = value_count(value, out);
    if (wrong)
        return wrong;
    return *out ? NULL : "must be more than 0";
}

static const char *set_id(void *target, const char *value)
{
    ((struct subscriber *)target)->print_ids = strcmp(value, "yes") == 0;
    return NULL;
}

static const char *set_once(void *target, const char *value)
{
    ((struct subscriber *)target)->once = strcmp(value, "yes") == 0;
    return NULL;
}

static const struct option_row rows[] = {
    {"after", 'a', "ID|start",
     "begin after the event with this id, or with the oldest that is\nkept [what comes from now "
     "on]",
     set_after},
    {"id", 'i', NULL,
     "print ID<TAB>EVENT; of an event with line feeds each line but the\n"
     "last as +<TAB>LINE",
     set_id},
    {"count", 'n', "COUNT", "end after COUNT events", set_count},
    {"once", '1', NULL, "end when the connection ends", set_once},
    {"server", 's', "HOST:PORT",
     "the server's lines port [127.0.0.1:12346]; a name is looked up each\ntime, and the first of "
     "its addresses that answers is taken",
     client_target_set_server},
    CLIENT_TARGET_TOKEN_ROW,
    CLIENT_TARGET_TLS_ROWS,
    {"backend", 'b', "NAME", "the loop's backend: auto, uring, epoll, poll, select [auto]",
     client_target_set_backend},
};

const struct options_command client_sub_options = {
    .name = "sub",
    .usage = "STREAM [OPTION]...",
    .about = "Prints the events of STREAM, a line each, as they come. When the connection breaks "
             "it waits\n"
             "a little, connects again and goes on where it was: no event is lost or printed "
             "twice. Events\n"
             "that the server no longer keeps are reported on standard error.\n",
    .after = "Examples:\n"
             "  hark sub weather                         what comes from now on\n"
             "  hark sub weather --after start           everything, then what comes\n"
             "  hark sub weather --id --after 1027       go on after an event, with ids\n"
             "  hark sub weather --after start --count 1 the oldest event, then end\n"
             "\n"
             "Exit code: 0 it was interrupted, or has printed COUNT; 1 the server refused; 2 wrong "
             "usage.\n",
    .rows = rows,
    .count = sizeof rows / sizeof *rows,
    .operands_min = 1,
    .operands_max = 1,
    .operands = "the STREAM to subscribe to",
};

/* Takes: out_left: set where the loop could not be ended, and points at the subscriber still. */
static int run(struct subscriber *subscriber, int argc, char **argv, bool *out_left)
{
    struct options_found found;
    int code;
    subscriber->target.server = CLIENT_SERVER_DEFAULT;
    if (!options_parse(&client_sub_options, NULL, argc, argv, subscriber, &found, &code))
        return code;
    code = client_target_open(&subscriber->target, "sub", found.operands[0]);
    if (code != EXIT_DONE)
        return code;
    code = subscribe(subscriber);
    *out_left = !client_target_close(&subscriber->target);
    return code;
}

int client_sub_run(int argc, char **argv)
{
    struct subscriber *subscriber = calloc(1, sizeof *subscriber);
    bool left = false;
    if (!subscriber) {
        say("sub: %s", why(ENOMEM));
        return EXIT_REFUSED;
    }
    int code = run(subscriber, argc, argv, &left);
    if (!left) /* else the process ends beneath a look-up */
        free(subscriber);
    return code;
}
