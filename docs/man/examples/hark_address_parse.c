/* From a command line's word to an address, and back. */
static int say(const char *word)
{
    struct hark_address address;
    char text[HARK_ADDRESS_TEXT_MAX];
    int error = hark_address_parse(word, &address); /* "127.0.0.1:80", "[::1]:80", "unix:/path" */
    if (error)
        return error;
    printf("%s\n", hark_address_format(&address, text, sizeof text));
    return 0;
}
