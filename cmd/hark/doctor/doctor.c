/* doctor.c - makes a loop on each backend by its name, and tells what came of it.
 *
 * Nothing is guessed from version numbers: a backend is usable when a loop on it could be made and
 * run, and a feature is there when the loop says that it uses it.
 */
#include "doctor/doctor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>
#include <sys/utsname.h>

#include "base/say.h"
#include "doctor/limits.h"
#include "doctor/report.h"
#include "hark.h"
#include "subscriptions/delivery.h"
#include "subscriptions/secrets.h"

static const struct {
    enum hark_backend_kind kind;
    const char *name;
} backends[] = {
    {HARK_BACKEND_URING, "uring"},
    {HARK_BACKEND_EPOLL, "epoll"},
    {HARK_BACKEND_POLL, "poll"},
    {HARK_BACKEND_SELECT, "select"},
};

static void nop_done(struct hark_op *op, int64_t result)
{
    (void)op;
    (void)result;
}

/* Makes a loop and has it do something. Gives: 0 and *out_loop, or what refused it. */
static int try_loop(enum hark_backend_kind kind, struct hark_loop **out_loop)
{
    struct hark_options options = {.backend = kind};
    struct hark_op nop = {0};
    struct hark_loop *loop;
    int error = hark_loop_create(&options, &loop);
    if (error)
        return error;
    hark_nop(loop, &nop, nop_done);
    error = hark_run(loop);
    if (error) {
        hark_cancel_all(loop);
        hark_run(loop);
        hark_loop_destroy(loop);
        return error;
    }
    *out_loop = loop;
    return 0;
}

/* Why io_uring says no, and what can be done. */
static const char *uring_advice(int error)
{
    int64_t disabled = 0;
    switch (error) {
    case -EPERM:
    case -EACCES:
        if (limits_read_number("/proc/sys/kernel/io_uring_disabled", &disabled) == 0 &&
            disabled == 2)
            return "the administrator has switched it off: sysctl -w kernel.io_uring_disabled=0";
        if (disabled == 1)
            return "only for root and the group in kernel.io_uring_group: join it, or\n"
                   "sysctl -w kernel.io_uring_disabled=0";
        return "a seccomp filter refuses it, as Docker and containerd do by default:\n"
               "allow io_uring_setup, io_uring_enter and io_uring_register in the container's "
               "profile";
    case -ENOSYS:
        return "the kernel is older than 5.1, was built without it, or a filter hides it";
    case -EINVAL:
    case -EOPNOTSUPP:
        return "the kernel is too old for what hark needs of it";
    case -ENOMEM:
        return "its rings did not fit into the limit of locked memory: see memlock below";
    default:
        return NULL;
    }
}

static void report_backends(struct report *report, const char *chosen, struct hark_loop **out_uring)
{
    char found[160];
    *out_uring = NULL;
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++) {
        struct hark_loop *loop;
        int error = try_loop(backends[i].kind, &loop);
        bool uring = backends[i].kind == HARK_BACKEND_URING;
        if (error) {
            snprintf(found, sizeof found, "refused: %s: %s", hark_error_name(error),
                     hark_error_text(error));
            report_row(report, REPORT_NOTE, backends[i].name, found,
                       uring ? uring_advice(error) : NULL);
            continue;
        }
        snprintf(found, sizeof found, "usable%s",
                 chosen && strcmp(chosen, backends[i].name) == 0 ? ", and chosen" : "");
        if (backends[i].kind == HARK_BACKEND_SELECT)
            snprintf(found + strlen(found), sizeof found - strlen(found),
                     ", for descriptors below %d", FD_SETSIZE);
        report_row(report, REPORT_GOOD, backends[i].name, found, NULL);
        if (uring)
            *out_uring = loop;
        else
            hark_loop_destroy(loop);
    }
}

/* A row for each feature: used, or what is done instead. */
static void report_features(struct report *report, const struct hark_loop *uring)
{
    const struct hark_feature *features;
    size_t count = hark_loop_features(uring, &features);
    char found[160];
    for (size_t i = 0; i < count; i++) {
        const struct hark_feature *feature = &features[i];
        if (feature->used)
            snprintf(found, sizeof found, "used (Linux %s)", feature->kernel);
        else
            snprintf(found, sizeof found, "not used (Linux %s): instead, %s", feature->kernel,
                     feature->instead);
        report_row(report, feature->used ? REPORT_GOOD : REPORT_NOTE, feature->name, found, NULL);
    }
}

/* What hark chooses by itself. Gives: its name in text; NULL if no loop could be made. */
static const char *report_choice(struct report *report, char *text, size_t room)
{
    struct hark_loop *loop;
    char found[160];
    int error = try_loop(HARK_BACKEND_AUTO, &loop);
    if (error) {
        snprintf(found, sizeof found, "no loop can be made: %s", hark_error_text(error));
        report_row(report, REPORT_PROBLEM, "loop", found,
                   error == -EINVAL
                       ? "HARK_BACKEND must be auto, uring, epoll, poll or select; or unset it"
                       : NULL);
        return NULL;
    }
    snprintf(text, room, "%s", hark_loop_backend(loop));
    const char *refusal = hark_loop_refusal(loop, HARK_BACKEND_URING);
    snprintf(found, sizeof found, "%s", text);
    report_row(report, REPORT_GOOD, "backend", found, refusal);
    hark_loop_destroy(loop);
    return text;
}

/* What the command was built with, and what it does without. */
static void report_parts(struct report *report)
{
    const bool subscriptions = secrets_offered();
    const bool webhooks = subscriptions && deliveries_offered();
    report_row(report, subscriptions ? REPORT_GOOD : REPORT_NOTE, "subscriptions",
               subscriptions ? "of Durable Streams are there" : "not built: OpenSSL was missing",
               NULL);
    report_row(report, webhooks ? REPORT_GOOD : REPORT_NOTE, "webhooks",
               webhooks ? "are there" : "not built: libcurl or OpenSSL was missing", NULL);
}

static int examine(void)
{
    struct report report;
    struct utsname system;
    struct hark_loop *uring;
    char chosen[16];

    report_init(&report);
    uname(&system);
    printf("hark %s on %s %s, %s\n", hark_version(), system.sysname, system.release,
           system.machine);
    report_heading(&report, "The loop");
    const char *choice = report_choice(&report, chosen, sizeof chosen);
    report_heading(&report, "Backends");
    report_backends(&report, choice, &uring);
    if (uring) {
        report_heading(&report, "Features of io_uring");
        report_features(&report, uring);
        report_row(&report, REPORT_GOOD, "at rest",
                   "no CPU; once files were worked on, a kernel thread (iou-wrk) wakes every 5 s",
                   NULL);
        hark_loop_destroy(uring);
    }
    report_heading(&report, "Parts of hark serve");
    report_parts(&report);
    report_heading(&report, "Limits");
    limits_report(&report);
    if (report.problems)
        printf("\n%u to mend, %u to know.\n", report.problems, report.notes);
    else
        printf("\nAll that hark needs is here; %u to know.\n", report.notes);
    return report.problems ? EXIT_REFUSED : EXIT_DONE;
}

const struct options_command doctor_options = {
    .name = "doctor",
    .usage = "",
    .about = "Tells what this machine offers to hark: the kernel, each backend and why it can or "
             "cannot be\n"
             "used, each feature of io_uring and what is done without it, and the limits that "
             "matter. Where\n"
             "something should be changed it says how.\n",
    .after =
        "The environment: HARK_BACKEND names the backend to choose; HARK_URING_WITHOUT switches\n"
        "features of io_uring off, by name, with commas between them.\n"
        "\n"
        "Examples:\n"
        "  hark doctor\n"
        "  HARK_BACKEND=epoll hark doctor\n"
        "\n"
        "Exit code: 0 hark will work; 1 something has to be mended first; 2 wrong usage.\n",
};

int doctor_run(int argc, char **argv)
{
    struct options_found found;
    int code;
    if (!options_parse(&doctor_options, NULL, argc, argv, NULL, &found, &code))
        return code;
    return examine();
}
