/*
 * Kills the process at its n-th change of anything below a folder, before the change is made or, of a write, in the
 * middle of it. Preloaded into the real program: FAULT_DIR the folder, FAULT_AT n (0: never), FAULT_TORN=1 for half
 * writes, FAULT_COUNT a file that gets the number of changes when the process ends by itself.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_int changes;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int below(const char *path) {
  const char *folder = getenv("FAULT_DIR");
  return folder != NULL && strncmp(path, folder, strlen(folder)) == 0;
}

static int descriptor_below(int fd) {
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  return below(path);
}

static int due(void) {
  const char *at = getenv("FAULT_AT");
  return atomic_fetch_add(&changes, 1) + 1 == (at == NULL ? 0 : atoi(at));
}

static void die(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

static int torn(void) {
  return getenv("FAULT_TORN") != NULL;
}

__attribute__((destructor)) static void report(void) {
  const char *path = getenv("FAULT_COUNT");
  if (path == NULL) return;
  FILE *file = fopen(path, "w");
  if (file == NULL) return;
  fprintf(file, "%d", atomic_load(&changes));
  fclose(file);
}

ssize_t write(int fd, const void *bytes, size_t length) {
  if (descriptor_below(fd) && due()) {
    if (torn()) REAL(write)(fd, bytes, length / 2);
    die();
  }
  return REAL(write)(fd, bytes, length);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
  if (descriptor_below(fd) && due()) {
    if (torn()) REAL(pwrite)(fd, bytes, length / 2, offset);
    die();
  }
  return REAL(pwrite)(fd, bytes, length, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
  if (descriptor_below(fd) && due()) {
    if (torn()) REAL(pwrite64)(fd, bytes, length / 2, offset);
    die();
  }
  return REAL(pwrite64)(fd, bytes, length, offset);
}

#define ON_DESCRIPTOR(name, parameters, arguments) \
  int name parameters {                            \
    if (descriptor_below(fd) && due()) die();      \
    return REAL(name) arguments;                   \
  }

ON_DESCRIPTOR(fsync, (int fd), (fd))
ON_DESCRIPTOR(fdatasync, (int fd), (fd))
ON_DESCRIPTOR(ftruncate, (int fd, off_t length), (fd, length))
ON_DESCRIPTOR(ftruncate64, (int fd, off64_t length), (fd, length))

#define ON_PATH(name, parameters, arguments) \
  int name parameters {                      \
    if (below(to) && due()) die();           \
    return REAL(name) arguments;             \
  }

ON_PATH(rename, (const char *from, const char *to), (from, to))
ON_PATH(link, (const char *from, const char *to), (from, to))
ON_PATH(unlink, (const char *to), (to))
