/* certificates.c - a context of TLS for each worker, and its replacement.
 *
 * All workers get what was read in one go, or none does: it is read on a thread of the pool, for
 * all of them, and each takes its own by mail. Their keys of session tickets are one secret, so
 * that a client is known again on whichever thread it comes to; it is drawn anew with each reload.
 */
#include "server/certificates.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/say.h"

/* What may be spoken, for a client that asks (RFC 7301); one that speaks lines does not. */
static const char *const protocols[] = {"http/1.1", "http/1.0"};

static struct worker *owner_of(const struct certificates *certificates)
{
    return workers_owner(certificates->workers);
}

static void set_options(struct certificates *certificates)
{
    const struct serve_options *options = certificates->workers->options;
    const struct serve_tls *tls = &options->tls;
    certificates->files = (struct hark_tls_certificate){
        .chain_file = tls->certificate,
        .key_file = tls->key,
    };
    certificates->options = (struct hark_tls_options){
        .server = true,
        .certificates = &certificates->files,
        .certificate_count = 1,
        .ca_file = tls->client_ca,
        .client_certificates = tls->client_ca ? HARK_TLS_CLIENT_REQUIRED : HARK_TLS_CLIENT_UNASKED,
        .alpn = protocols,
        .alpn_count = sizeof protocols / sizeof *protocols,
        .ticket_keys = certificates->ticket_keys,
        .handshake_timeout_ns = options->connection.head_timeout_ns,
    };
}

static int draw_keys(struct certificates *certificates)
{
    return hark_os_random(owner_of(certificates)->loop, certificates->ticket_keys,
                          sizeof certificates->ticket_keys);
}

static void drop(struct workers *workers)
{
    for (uint32_t i = 0; i < workers->count; i++) {
        hark_tls_destroy(workers->all[i].renewal.fresh);
        workers->all[i].renewal.fresh = NULL;
    }
}

/* Gives: 0, and each worker has a fresh one; else certificates->why. */
static int make_all(struct certificates *certificates)
{
    struct workers *workers = certificates->workers;
    int error = 0;
    for (uint32_t i = 0; i < workers->count && error == 0; i++)
        error = hark_tls_create(&certificates->options, &workers->all[i].renewal.fresh,
                                &certificates->why);
    if (error < 0)
        drop(workers);
    return error;
}

int certificates_open(struct certificates *certificates, struct workers *workers)
{
    certificates->workers = workers;
    if (!workers->options->tls.certificate)
        return EXIT_DONE;
    set_options(certificates);
    int error = draw_keys(certificates);
    if (error < 0) {
        say("cannot begin: %s", why(error));
        return EXIT_REFUSED;
    }
    if (make_all(certificates) < 0) {
        say("%s", certificates->why.text);
        return EXIT_REFUSED;
    }
    for (uint32_t i = 0; i < workers->count; i++) {
        workers->all[i].worker.tls = workers->all[i].renewal.fresh;
        workers->all[i].renewal.fresh = NULL;
    }
    return EXIT_DONE;
}

/* --- reloading --- */

static void reload(struct certificates *certificates);

static void over(struct certificates *certificates)
{
    bool again = certificates->again && !certificates->closed;
    certificates->reloading = false;
    certificates->again = false;
    if (again)
        reload(certificates);
    pending_end(&owner_of(certificates)->accepted);
}

static void all_taken(struct certificates *certificates)
{
    owner_of(certificates)->counters.tls_reloads++;
    if (!certificates->workers->options->quiet)
        say_at(SAY_NOTE, "the certificates of TLS were read anew");
    over(certificates);
}

static void take(struct server_worker *own)
{
    /* Both are a server's: it cannot fail. */
    hark_tls_replace(own->worker.tls, own->renewal.fresh);
    own->renewal.fresh = NULL;
}

static void taken(struct mail *mail)
{
    struct server_worker *own = hark_container_of(mail, struct server_worker, renewal.mail);
    struct certificates *certificates = own->workers->certificates;
    if (--certificates->awaited == 0)
        all_taken(certificates);
}

static void arrived(struct mail *mail)
{
    struct server_worker *own = hark_container_of(mail, struct server_worker, renewal.mail);
    take(own);
    workers_send_owner(own, mail, taken);
}

static void failed(struct certificates *certificates, int error)
{
    const char *text = certificates->why.text;
    owner_of(certificates)->counters.tls_reload_failures++;
    say("the certificates of TLS could not be read anew, those of before stay: %s",
        *text ? text : why(error));
    over(certificates);
}

static void have_read(struct hark_op *op, int64_t result)
{
    struct certificates *certificates = hark_container_of(op, struct certificates, read);
    struct workers *workers = certificates->workers;
    if (result < 0) {
        failed(certificates, (int)result);
        return;
    }
    if (certificates->closed) {
        drop(workers);
        over(certificates);
        return;
    }
    take(&workers->all[0]);
    certificates->awaited = workers->count - 1;
    if (certificates->awaited == 0)
        all_taken(certificates);
    else
        workers_send(workers, offsetof(struct server_worker, renewal.mail), arrived);
}

static int64_t read_on_pool(struct hark_op *op)
{
    struct certificates *certificates = hark_container_of(op, struct certificates, read);
    return certificates->no_keys < 0 ? certificates->no_keys : make_all(certificates);
}

static void reload(struct certificates *certificates)
{
    struct worker *owner = owner_of(certificates);
    pending_begin(&owner->accepted);
    certificates->reloading = true;
    memset(&certificates->why, 0, sizeof certificates->why);
    certificates->no_keys = draw_keys(certificates);
    hark_work(owner->loop, &certificates->read, read_on_pool, have_read);
}

static void signalled(struct hark_op *op, int64_t number)
{
    struct certificates *certificates = hark_container_of(op, struct certificates, signal);
    if (!hark_op_more(op)) {
        if (number != -ECANCELED)
            say("cannot follow signals: %s", why(number));
    } else if (certificates->reloading) {
        certificates->again = true;
    } else {
        reload(certificates);
    }
}

void certificates_watch(struct certificates *certificates)
{
    if (!certificates->workers->options->tls.certificate)
        return;
    hark_signal_each(owner_of(certificates)->loop, &certificates->signal, SIGHUP, signalled);
}

void certificates_close(struct certificates *certificates)
{
    certificates->closed = true;
    hark_cancel(&certificates->signal);
}
