/* certificates.c - a context of TLS for each worker, and its replacement.
 *
 * All workers get what was read in one go, or none does (reload.h). Their keys of session tickets
 * are one secret, so that a client is known again on whichever thread it comes to; it is drawn anew
 * with each reload.
 */
#include "server/certificates.h"

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
        hark_tls_destroy(workers->all[i].fresh_tls);
        workers->all[i].fresh_tls = NULL;
    }
}

/* Gives: 0, and each worker has a fresh one; else certificates->why. */
static int make_all(struct certificates *certificates)
{
    struct workers *workers = certificates->workers;
    int error = 0;
    for (uint32_t i = 0; i < workers->count && error == 0; i++)
        error =
            hark_tls_create(&certificates->options, &workers->all[i].fresh_tls, &certificates->why);
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
        workers->all[i].worker.tls = workers->all[i].fresh_tls;
        workers->all[i].fresh_tls = NULL;
    }
    return EXIT_DONE;
}

/* --- reloading --- */

static struct certificates *certificates_of(struct reload *reload)
{
    return hark_container_of(reload, struct certificates, reload);
}

static void begin(struct reload *reload)
{
    struct certificates *certificates = certificates_of(reload);
    memset(&certificates->why, 0, sizeof certificates->why);
    certificates->no_keys = draw_keys(certificates);
}

static int read_anew(struct reload *reload)
{
    struct certificates *certificates = certificates_of(reload);
    return certificates->no_keys < 0 ? certificates->no_keys : make_all(certificates);
}

static void take(struct reload *reload, struct server_worker *own)
{
    (void)reload;
    /* Both are a server's: it cannot fail. */
    hark_tls_replace(own->worker.tls, own->fresh_tls);
    own->fresh_tls = NULL;
}

static void taken(struct reload *reload)
{
    workers_owner(reload->workers)->counters.tls_reloads++;
    if (!reload->workers->options->quiet)
        say_at(SAY_NOTE, "the certificates of TLS were read anew");
}

static void failed(struct reload *reload, int error)
{
    const char *text = certificates_of(reload)->why.text;
    workers_owner(reload->workers)->counters.tls_reload_failures++;
    say("the certificates of TLS could not be read anew, those of before stay: %s",
        *text ? text : why(error));
}

static void dropped(struct reload *reload)
{
    drop(reload->workers);
}

void certificates_watch(struct certificates *certificates)
{
    static const struct reload_kind kind = {
        .part_at = offsetof(struct server_worker, other_certificates),
        .begin = begin,
        .read = read_anew,
        .take = take,
        .taken = taken,
        .failed = failed,
        .dropped = dropped,
    };
    if (certificates->workers->options->tls.certificate)
        reload_watch(&certificates->reload, &kind, certificates->workers);
}

void certificates_close(struct certificates *certificates)
{
    reload_close(&certificates->reload);
}
