/* How fast files can be opened, read and hashed: the limit of the machine for small files.
 *
 * Reads paths from standard input, divides them among so many processes as the argument says, and
 * does for each file what cannot be left out: open, read, close, SHA-256. Files larger than the
 * buffer are an error. Compile with `cc -O2 small_files.c -lcrypto`.
 */
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BUFFER = 1 << 16 };

static int hash_files(char **paths, size_t count)
{
    static unsigned char buffer[BUFFER];
    unsigned char digest[EVP_MAX_MD_SIZE];
    const EVP_MD *sha256 = EVP_sha256();
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    for (size_t i = 0; i < count; i++) {
        int file = open(paths[i], O_RDONLY | O_CLOEXEC);
        if (file < 0)
            return 1;
        ssize_t length = read(file, buffer, BUFFER);
        close(file);
        if (length < 0 || length == BUFFER)
            return 1;
        EVP_DigestInit_ex(context, sha256, NULL);
        EVP_DigestUpdate(context, buffer, (size_t)length);
        EVP_DigestFinal_ex(context, digest, NULL);
    }
    EVP_MD_CTX_free(context);
    return 0;
}

int main(int argc, char **argv)
{
    size_t processes = argc > 1 ? (size_t)atoi(argv[1]) : 1, count = 0, room = 1 << 16;
    char **paths = malloc(room * sizeof *paths), *line = NULL;
    size_t size = 0;
    ssize_t length;
    int failed = 0, status;

    while ((length = getline(&line, &size, stdin)) > 0) {
        line[strcspn(line, "\n")] = '\0';
        if (count == room)
            paths = realloc(paths, (room *= 2) * sizeof *paths);
        paths[count++] = strdup(line);
    }
    for (size_t i = 0; i < processes; i++) {
        size_t from = count * i / processes, to = count * (i + 1) / processes;
        if (fork() == 0)
            _exit(hash_files(paths + from, to - from));
    }
    while (wait(&status) > 0)
        failed |= status != 0;
    return failed;
}
