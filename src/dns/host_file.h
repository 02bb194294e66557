/* host_file.h - a file of hosts (hosts(5)), read once and kept. */
#ifndef DNS_HOST_FILE_H
#define DNS_HOST_FILE_H

#include "hark/address.h"

struct host_entry;

struct host_file {
    char *text;
    struct host_entry *entries; /* by name, those of a name in the order of the file */
    size_t count;
};

/* Reads a file; one that is not there has nothing. Gives: 0 or a negative errno. */
int host_file_read(struct host_file *hosts, const char *path);

void host_file_done(struct host_file *hosts);

/* Reads an address in digits, with or without a scope. */
bool host_file_parse(const char *text, struct hark_address *out_address);

/* The addresses of a name, which is not looked at for its case, nor for a dot at its end.
 * Takes: family: AF_UNSPEC both.
 * Gives: how many, room at the most; each once, in the order of the file. */
size_t host_file_find(const struct host_file *hosts, const char *name, int family,
                      struct hark_address *out_addresses, size_t room);

#endif
