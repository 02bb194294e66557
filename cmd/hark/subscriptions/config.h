/* config.h - what a PUT says, read and normalised.
 *
 * Thread, for every function here: any. */
#ifndef HARK_COMMAND_SUBSCRIPTIONS_CONFIG_H
#define HARK_COMMAND_SUBSCRIPTIONS_CONFIG_H

#include <jansson.h>

#include "subscriptions/subscription.h"

/* Names out of an array of strings, each once, slashes around them gone.
 * Gives: NULL and *out_names, an array of strings, the caller's; or what is wrong. */
const char *config_names(const json_t *array, json_t **out_names);

/* Reads a PUT.
 * Gives: NULL, *out_config and *out_names, the caller's; or what is wrong. */
const char *config_read(const char *body, size_t count, struct subscription_config *out_config,
                        json_t **out_names);

#endif
