/* Connects; the address is the loop's until the callback. */
struct client {
    struct hark_op connect;
    struct hark_address address;
    int fd;
};

static void connected(struct hark_op *op, int64_t result)
{
    struct client *client = hark_container_of(op, struct client, connect);
    if (result < 0)
        fprintf(stderr, "cannot connect: %s\n", hark_error_text(result));
    else
        printf("connected: descriptor %d\n", client->fd);
}

static int reach(struct hark_loop *loop, struct client *client, const char *text)
{
    int error = hark_address_parse(text, &client->address);
    if (error)
        return error;
    client->fd = hark_os_socket(loop, client->address.name.any.sa_family, SOCK_STREAM, 0);
    if (client->fd < 0)
        return client->fd;
    hark_connect(loop, &client->connect, client->fd, &client->address.name.any,
                 client->address.length, connected);
    hark_op_deadline(&client->connect, hark_now(loop) + 10000000000);
    return 0;
}
