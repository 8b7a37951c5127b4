/* The account of all peers' programs, and the clock. */
#pragma once
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define USER "user0000000"
#define PASSWORD "pass0000000"
#define REALM "example.org"
#define HOST "host.example.org"

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}
