/* Prints all addresses of a host. */
static void found(struct hark_lookup *lookup, int error)
{
    char text[HARK_ADDRESS_TEXT_MAX];
    if (error)
        fprintf(stderr, "%s\n", hark_error_text(error));
    for (size_t i = 0; i < lookup->count; i++)
        puts(hark_address_format(&lookup->addresses[i], text, sizeof text));
    free(lookup->addresses);
    free(lookup);
}

static int ask(struct hark_loop *loop, const char *host)
{
    struct hark_lookup *lookup = calloc(1, sizeof *lookup);
    if (!lookup)
        return -ENOMEM;
    hark_lookup_start(loop, lookup, host, "https", AF_UNSPEC, 0, found);
    hark_op_deadline(&lookup->op, hark_now(loop) + 5000000000);
    return 0;
}
