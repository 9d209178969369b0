/*
 * Kills the process at its n-th change of anything below a folder, before the change is made or, of a write, in the
 * middle of it. Preloaded into the real program: FAULT_DIR the folder, FAULT_AT n (0: never), FAULT_TORN=1 for half
 * writes. Two more, outside that folder: FAULT_TRACE a file that gets a line for each change, what is done and to which
 * file; FAULT_COPIES a folder that gets, under the number of each change, what a kill at it would have left behind.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

static atomic_int changes;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void trace(const char *what, const char *path) {
  const char *file = getenv("FAULT_TRACE");
  if (file == NULL) return;
  int fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return;
  char line[PATH_MAX + 64];
  int length = snprintf(line, sizeof line, "%s %s\n", what, path);
  REAL(write)(fd, line, (size_t)length);
  close(fd);
}

static void copy(const char *folder, int number) {
  const char *copies = getenv("FAULT_COPIES");
  if (copies == NULL) return;
  char target[PATH_MAX];
  snprintf(target, sizeof target, "%s/%d", copies, number);
  char *const argv[] = {"cp", "-a", "--reflink=auto", (char *)folder, target, NULL};
  char *const envp[] = {NULL};
  pid_t child;
  int status = -1;
  if (posix_spawn(&child, "/bin/cp", NULL, NULL, argv, envp) == 0) waitpid(child, &status, 0);
  if (status != 0) abort();
}

static int due(const char *what, const char *path) {
  const char *folder = getenv("FAULT_DIR");
  if (folder == NULL || strncmp(path, folder, strlen(folder)) != 0) return 0;
  trace(what, path);
  int number = atomic_fetch_add(&changes, 1) + 1;
  copy(folder, number);
  const char *at = getenv("FAULT_AT");
  return number == (at == NULL ? 0 : atoi(at));
}

static int due_on(const char *what, int fd) {
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  return due(what, path);
}

static void die(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

static int torn(void) {
  return getenv("FAULT_TORN") != NULL;
}

ssize_t write(int fd, const void *bytes, size_t length) {
  if (due_on("write", fd)) {
    if (torn()) REAL(write)(fd, bytes, length / 2);
    die();
  }
  return REAL(write)(fd, bytes, length);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
  if (due_on("write", fd)) {
    if (torn()) REAL(pwrite)(fd, bytes, length / 2, offset);
    die();
  }
  return REAL(pwrite)(fd, bytes, length, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
  if (due_on("write", fd)) {
    if (torn()) REAL(pwrite64)(fd, bytes, length / 2, offset);
    die();
  }
  return REAL(pwrite64)(fd, bytes, length, offset);
}

#define ON_DESCRIPTOR(name, parameters, arguments) \
  int name parameters {                            \
    if (due_on(#name, fd)) die();                  \
    return REAL(name) arguments;                   \
  }

ON_DESCRIPTOR(fsync, (int fd), (fd))
ON_DESCRIPTOR(fdatasync, (int fd), (fd))
ON_DESCRIPTOR(ftruncate, (int fd, off_t length), (fd, length))
ON_DESCRIPTOR(ftruncate64, (int fd, off64_t length), (fd, length))

#define ON_PATH(name, parameters, arguments) \
  int name parameters {                      \
    if (due(#name, to)) die();               \
    return REAL(name) arguments;             \
  }

ON_PATH(rename, (const char *from, const char *to), (from, to))
ON_PATH(link, (const char *from, const char *to), (from, to))
ON_PATH(unlink, (const char *to), (to))
