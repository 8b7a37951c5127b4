/* A SASL library as smtp.c sees it. */
#include <stddef.h>

enum side { CLIENT, SERVER };
enum outcome { DONE, MORE, FAILED };

/* Who logs in, or the one user there is, also the one for EXTERNAL; and the bits of the layer to demand. */
extern const char *login, *password;
extern unsigned strength;

/* What a server offers, separated by blanks. */
const char *offer(void);

/* Begins with what the client said in base64, and NULL where it said nothing, as on a client; *answer, where it is not
 * NULL, is what to say in base64. It holds until the next call. */
enum outcome begin(enum side side, const char *mechanism, const char *text, const char **answer);
enum outcome step(const char *text, const char **answer);

/* Through the layer, where there is one; what comes of it holds until the next call. Not 0 is a failure. */
int protect(const char *plain, size_t size, const char **wire, size_t *wire_size);
int reveal(const char *wire, size_t size, const char **plain, size_t *plain_size);
