/* agent.h - what the files of the agent share: its parts, its counters, its sessions. */
#ifndef SERVE_AGENT_H
#define SERVE_AGENT_H

#include "hark.h"
#include "hub/hub.h"
#include "log/log.h"
#include "serve/deadline.h"
#include "serve/serve.h"
#include "tail/tail.h"

#include "wire/http.h"

struct agent;
struct session;

enum protocol { PROTOCOL_HTTP, PROTOCOL_LINES, PROTOCOLS };

/* One socket that is listened on. */
struct port {
    struct hark_listener listener;
    struct agent *agent;
    enum protocol protocol;
    bool open;
};

/* How far the end has come; see shutdown.c. */
enum ending {
    ENDING_NOT,
    ENDING_ACCEPTED,    /* what was accepted is being finished */
    ENDING_SUBSCRIBERS, /* subscribers are being told */
    ENDING_HUB,
    ENDING_LOG,
    ENDING_DONE,
};

enum { AGENT_SIGNALS = 2 };

struct signal_watch {
    struct hark_op op;
    struct agent *agent;
};

struct agent_counters {
    uint64_t connections[PROTOCOLS]; /* now */
    uint64_t accepted[PROTOCOLS];
    uint64_t shed; /* closed at once: too many connections, or no memory */
    uint64_t requests[HTTP_METHOD_PATCH + 1];
    uint64_t answers[6]; /* by the first digit of their status */
    uint64_t timeouts;   /* connections ended by a deadline of ours */
};

struct agent {
    const struct serve_options *options;
    struct hark_loop *loop;
    struct log *log;
    struct hub *hub;
    struct tail *tail;
    struct port *ports;
    size_t ports_count;
    size_t ports_open;
    size_t ports_next;         /* the one to be opened next */
    uint64_t ports_patient_ns; /* until when an address may be in use */
    struct hark_op ports_again;
    void (*ports_opened)(struct agent *agent, int code);
    struct hub_list sessions;
    uint64_t connections_max;
    uint64_t started_ns;
    uint64_t publishing;   /* of sessions, in flight */
    uint64_t bodies_bytes; /* of answers made in memory that clients have not taken yet */
    struct agent_counters counters;
    uint64_t date_until_ns; /* the text below is right until then */
    char date[HTTP_DATE_BYTES];

    enum ending ending;
    int exit_code;
    bool log_opening;
    bool tail_closing;
    struct signal_watch signals[AGENT_SIGNALS];
    struct hark_op step;
    struct deadline shutdown;
    bool shutdown_late; /* its deadline has passed once */
};

/* The text of the Date header, read from the clock once a second at most. */
const char *agent_date(struct agent *agent);

/* ---- ports.c ---- */

/* Opens every port, then calls opened, maybe from inside this call. Takes: code: 0, or an exit code: it has then said why. */
void ports_open(struct agent *agent, void (*opened)(struct agent *agent, int code));

/* Checks the addresses. Gives: 0, or an exit code; it has then said why. */
int ports_check(const struct serve_options *options);

/* Stops accepting; shutdown_advance is called when all are closed. */
void ports_close(struct agent *agent);

/* What the limit of descriptors leaves for connections. It is raised as far as it may be. */
uint64_t ports_connections_max(struct agent *agent);

/* ---- shutdown.c ---- */

/* Follows SIGTERM and SIGINT. */
void shutdown_watch(struct agent *agent);

/* Begins the end. Takes: the exit code that the agent shall have. */
void shutdown_begin(struct agent *agent, int exit_code);

/* Looks whether the next step of the end can be taken. In other times nothing happens. */
void shutdown_advance(struct agent *agent);

#endif
