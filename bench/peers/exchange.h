/* What the peers' programs share that time a part of an exchange: they print its median. bench/stopwatch is the same in Rust. */
#pragma once
#include "account.h"

#include <string.h>

/* Counts where callgrind runs; without valgrind's headers there is nobody to count. */
#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_TOGGLE_COLLECT
#endif

/* What is kept for SCRAM in place of the password, in base64 (RFC 5803). */
#define ITERATIONS "4096"
#define SALT "MDEyMzQ1Njc4OWFiY2RlZg=="

struct keys {
    const char *mechanism, *stored_key, *server_key;
};

static const struct keys all_keys[] = {
    {"SCRAM-SHA-1", "4PoRKmVRmpZiR1XgXOwDoe94kQw=",
     "dRsPQS+jtQpm2KMeUsTlxIdffi4="},
    {"SCRAM-SHA-256", "/bcFLYPQEfQnwKUuIDRiGahp0LuQghg5xcGgJbjUgDs=",
     "eb0ZWeUvdEufcc3Iime9mCUjgCvKQctCr2o9BVg6KGg="},
    {"SCRAM-SHA-512", "2deJRDBsC7ml1u5MhUDSPU1WhyuS7Z/g6n9sywFb5tWlQp5fzS8/DwTSQO2MQ1Oitm5sQpDpTbK0NMy+fpMfpA==",
     "I5XSE9Agha9WnFrnPdfSUjUGkLWh9AmOfEFxbm36QGhw6A20Jg+5Gb/wDww/nowILmIE0Z9VPI+DxgNLQ07V8Q=="},
};

/* Of `mechanism`; NULL where it is no SCRAM. */
static const struct keys *keys_of(const char *mechanism)
{
    for (size_t i = 0; i < sizeof all_keys / sizeof *all_keys; i++)
        if (!strcmp(all_keys[i].mechanism, mechanism))
            return &all_keys[i];
    return NULL;
}

/* What of an exchange is timed: all of it, or every call of one side. */
enum part { NONE, FULL, CLIENT, SERVER };

static enum part timed;
static uint64_t sum;

/* Makes the call, and adds its time to `sum` where `part` is timed. */
#define TIMED(part, call)                \
    do {                                 \
        if (timed == (part)) {           \
            uint64_t began_ = now();     \
            CALLGRIND_TOGGLE_COLLECT;    \
            call;                        \
            CALLGRIND_TOGGLE_COLLECT;    \
            sum += now() - began_;       \
        } else {                         \
            call;                        \
        }                                \
    } while (0)

/* Runs `exchange` so many times, a tenth more to warm up, and prints the median of the part. */
static void measure(const char *part, size_t count, void (*exchange)(void))
{
    uint64_t *times = malloc((count + 1) * sizeof *times);
    if (!times)
        abort();
    for (size_t i = 0; i < count / 10; i++)
        exchange();
    timed = !strcmp(part, "full") ? FULL : !strcmp(part, "client") ? CLIENT : SERVER;
    for (size_t i = 0; i < count; i++) {
        sum = 0;
        TIMED(FULL, exchange());
        times[i] = sum;
    }
    printf("%lu\n", count ? median(times, count) : 0);
    free(times);
}

/* Base64 in the place of a mechanism. So many calls are timed together: one alone takes less than reading the clock does. */
#define CALLS 100

static char octets[4096 + 4], text[8192]; /* room for what a decoder wants besides */
static size_t size;

/* `encode-24` and the like; `encode` and `decode` convert `size` octets and make all the calls. 0 where the name is another. */
static int measured_codec(const char **words, void (*encode)(void), void (*decode)(void))
{
    int encodes = sscanf(words[1], "encode-%zu", &size) == 1;
    if (!encodes && sscanf(words[1], "decode-%zu", &size) != 1)
        return 0;
    if (size > 4096)
        abort();
    for (size_t i = 0; i < size; i++)
        octets[i] = (char)i;
    encode();
    measure(words[2], strtoul(words[3], NULL, 10), encodes ? encode : decode);
    return 1;
}
