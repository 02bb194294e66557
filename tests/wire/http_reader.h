/* http_reader.h - reads requests for the tests: what a server would see of them, as text. */
#ifndef TESTS_WIRE_HTTP_READER_H
#define TESTS_WIRE_HTTP_READER_H

#include "wire/http.h"
#include "wire/pieces.h"

extern const struct reader http_reader;

#endif
