/* op.c - one call of one op: how long each stretch was, and the facts that belong to it. */
#include "stages/op.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- stretches --- */

const char *trace_op_span_name(enum trace_span span)
{
    static const char *const names[TRACE_SPANS] = {
        [TRACE_SPAN_ASKED] = "2>3",   [TRACE_SPAN_AWAY] = "3>6", [TRACE_SPAN_WAITS] = "3>4",
        [TRACE_SPAN_PERFORM] = "4>5", [TRACE_SPAN_BACK] = "5>6", [TRACE_SPAN_READY] = "6>7",
        [TRACE_SPAN_CALLBACK] = "7",  [TRACE_SPAN_ALL] = "2>7",
    };
    return names[span];
}

static uint64_t between(uint64_t from_ns, uint64_t until_ns)
{
    return from_ns != 0 && until_ns >= from_ns ? until_ns - from_ns : TRACE_OP_UNKNOWN;
}

uint64_t trace_op_span(const struct trace_op *op, enum trace_span span)
{
    bool again = (op->flags & TRACE_OP_AGAIN) != 0;
    switch (span) {
    case TRACE_SPAN_ASKED:
        return again ? TRACE_OP_UNKNOWN : between(op->request_ns, op->delegated_ns);
    case TRACE_SPAN_AWAY:
        return between(op->delegated_ns, op->returned_ns);
    case TRACE_SPAN_WAITS:
        return between(op->delegated_ns, op->performed_ns);
    case TRACE_SPAN_PERFORM:
        return between(op->performed_ns, op->done_ns);
    case TRACE_SPAN_BACK:
        return between(op->done_ns, op->returned_ns);
    case TRACE_SPAN_READY:
        return between(op->returned_ns, op->call_ns);
    case TRACE_SPAN_CALLBACK:
        return between(op->call_ns, op->called_ns);
    default:
        return between(op->request_ns, op->called_ns);
    }
}

bool trace_op_kind_waits(int kind)
{
    switch ((enum hark_op_code)kind) {
    case HARK_OP_SLEEP:
    case HARK_OP_EVERY:
    case HARK_OP_POST:
    case HARK_OP_SIGNAL_EACH:
    case HARK_OP_ACCEPT:
    case HARK_OP_ACCEPT_EACH:
    case HARK_OP_RECV:
    case HARK_OP_RECV_EACH:
    case HARK_OP_RECVMSG:
    case HARK_OP_RECVMSG_EACH:
    case HARK_OP_POLL:
    case HARK_OP_POLL_EACH:
    case HARK_OP_WAITID:
    case HARK_OP_SPLICE:
        return true;
    case HARK_OP_NOP:
    case HARK_OP_DEFER:
    case HARK_OP_WORK:
    case HARK_OP_CONNECT:
    case HARK_OP_SEND:
    case HARK_OP_SENDMSG:
    case HARK_OP_SHUTDOWN:
    case HARK_OP_SOCKET:
    case HARK_OP_READ:
    case HARK_OP_WRITE:
    case HARK_OP_READV:
    case HARK_OP_WRITEV:
    case HARK_OP_OPENAT:
    case HARK_OP_CLOSE:
    case HARK_OP_DETACH:
    case HARK_OP_FSYNC:
    case HARK_OP_FDATASYNC:
    case HARK_OP_FTRUNCATE:
    case HARK_OP_FALLOCATE:
    case HARK_OP_STATX:
    case HARK_OP_RENAMEAT:
    case HARK_OP_UNLINKAT:
    case HARK_OP_MKDIRAT:
    case HARK_OP_GETDENTS:
    case HARK_OP_COPY_FILE_RANGE:
    case HARK_OP_SYMLINKAT:
    case HARK_OP_READLINKAT:
    case HARK_OP_LINKAT:
    case HARK_OP_FCHMODAT:
    case HARK_OP_FCHOWNAT:
    case HARK_OP_UTIMENSAT:
    case HARK_OP_SETXATTRAT:
    case HARK_OP_GETXATTRAT:
    case HARK_OP_LISTXATTRAT:
    case HARK_OP_REMOVEXATTRAT:
    case HARK_OP_SEND_ZC:
        return false;
    }
    return false;
}

static uint64_t known(const struct trace_op *op, enum trace_span span)
{
    uint64_t duration_ns = trace_op_span(op, span);
    return duration_ns == TRACE_OP_UNKNOWN ? 0 : duration_ns;
}

uint64_t trace_op_slowness(const struct trace_op *op)
{
    uint64_t all = trace_op_span(op, TRACE_SPAN_ALL);
    if (all != TRACE_OP_UNKNOWN && !trace_op_kind_waits(op->kind))
        return all;
    return known(op, TRACE_SPAN_ASKED) + known(op, TRACE_SPAN_READY) +
           known(op, TRACE_SPAN_CALLBACK);
}

int trace_op_kind_of(const char *name)
{
    for (int kind = 0; kind < HARK_OP_KINDS; kind++)
        if (strcmp(hark_op_name(kind), name) == 0)
            return kind;
    return -1;
}

/* --- facts --- */

int trace_op_add_fact(struct trace_op *op, const struct trace_fact *fact)
{
    struct trace_fact *copy = malloc(sizeof *copy);
    if (!copy)
        return -ENOMEM;
    *copy = *fact;
    struct trace_fact **at = &op->facts;
    while (*at && (*at)->time_ns <= fact->time_ns)
        at = &(*at)->next;
    copy->next = *at;
    *at = copy;
    return 0;
}

int trace_op_copy(const struct trace_op *op, struct trace_op *out_copy)
{
    struct trace_op copy = *op;
    copy.facts = NULL;
    copy.chain = copy.known_chain = NULL;
    for (const struct trace_fact *fact = op->facts; fact; fact = fact->next)
        if (trace_op_add_fact(&copy, fact) < 0) {
            trace_op_done(&copy);
            return -ENOMEM;
        }
    *out_copy = copy;
    list_init(&out_copy->place);
    list_init(&out_copy->queue);
    return 0;
}

void trace_op_done(struct trace_op *op)
{
    while (op->facts) {
        struct trace_fact *fact = op->facts;
        op->facts = fact->next;
        free(fact);
    }
}
