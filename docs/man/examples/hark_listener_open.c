/* Serves whoever connects, until the process is asked to end. */
static struct hark_listener listener;

static void accepted(struct hark_listener *from, int fd)
{
    printf("connection %d\n", fd);
    hark_os_close(from->loop, fd); /* or give it to a stream */
}

static void failed(struct hark_listener *from, int error)
{
    if (error != -EMFILE && error != -ENFILE && error != -ENOMEM && error != -ENOBUFS)
        hark_listener_close(from); /* else it goes on by itself */
}

static const struct hark_listener_events events = {.accepted = accepted, .failed = failed};

static int serve(struct hark_loop *loop, const struct hark_address *address)
{
    return hark_listener_open(loop, &listener, address, 0, HARK_LISTEN_NO_DELAY, &events);
}
