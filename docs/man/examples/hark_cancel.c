/* A request that is not wanted any more. Its memory may go in its final call, not before. */
struct request {
    struct hark_op receive;
    char bytes[4096];
};

static void received(struct hark_op *op, int64_t result)
{
    struct request *request = hark_container_of(op, struct request, receive);
    if (result > 0)
        fwrite(request->bytes, 1, (size_t)result, stdout);
    free(request); /* -ECANCELED too comes here, once */
}

static void give_up(struct request *request)
{
    hark_cancel(&request->receive);
}
