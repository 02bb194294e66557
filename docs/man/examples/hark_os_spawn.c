/* Runs a program with nothing but its standard error, and tells how it has ended. */
struct job {
    struct hark_op wait, close;
    siginfo_t end;
    int pidfd;
};

static void job_closed(struct hark_op *op, int64_t result)
{
    (void)result;
    free(hark_container_of(op, struct job, close));
}

static void job_ended(struct hark_op *op, int64_t result)
{
    struct job *job = hark_container_of(op, struct job, wait);
    if (result == 0 && job->end.si_code == CLD_EXITED)
        printf("it has ended with %d\n", job->end.si_status);
    else if (result == 0)
        printf("signal %d has ended it\n", job->end.si_status);
    hark_close(op->loop, &job->close, job->pidfd, job_closed);
}

static int job_start(struct hark_loop *loop, const char *const *arguments)
{
    const struct hark_child_descriptor error_output = {STDERR_FILENO, STDERR_FILENO};
    struct job *job = calloc(1, sizeof *job);
    if (!job)
        return -ENOMEM;
    job->pidfd = hark_os_spawn(&(struct hark_child_options){.program = arguments[0],
                                                            .arguments = arguments,
                                                            .descriptors = &error_output,
                                                            .descriptor_count = 1},
                               NULL);
    if (job->pidfd < 0) {
        int error = job->pidfd;
        free(job);
        return error; /* -ENOENT: there is no such program */
    }
    hark_waitid(loop, &job->wait, job->pidfd, &job->end, job_ended);
    return 0;
}
