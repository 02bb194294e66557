/* The terminal, a line at a time: a call in each turn in which there is something to read. */
static void typed(struct hark_op *op, int64_t events)
{
    char line[256];
    if (events < 0 || !fgets(line, sizeof line, stdin))
        hark_cancel(op);
    else
        printf("you said: %s", line);
}

static void listen_to_the_terminal(struct hark_loop *loop, struct hark_op *op)
{
    setvbuf(stdin, NULL, _IONBF, 0); /* what stdio keeps to itself no event tells of */
    hark_poll_each(loop, op, STDIN_FILENO, HARK_POLL_READABLE, typed);
}
