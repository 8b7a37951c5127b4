/* crypt PASSWORD HASH: for each number that is read, the processor time of as many crypt(3), in nanoseconds. Ends where the
 * password is wrong. */
#include <crypt.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static uint64_t used(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

int main(int count, char **words)
{
    long times;
    if (count != 3)
        return 1;
    while (scanf("%ld", &times) == 1) {
        uint64_t before = used();
        while (times-- > 0) {
            const char *hash = crypt(words[1], words[2]);
            if (!hash || strcmp(hash, words[2]) != 0)
                return 1;
        }
        printf("%llu\n", (unsigned long long)(used() - before));
        fflush(stdout);
    }
    return 0;
}
