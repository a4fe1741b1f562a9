// SPDX-License-Identifier: GPL-2.0
/*
 * A program of the Linux guest that uses all that the guest's own kernel has for
 * debugging, and says what it has seen: ptrace(), kprobes, uprobes, and a GDB if
 * there is one. The lines that it prints are the same each time, whatever a
 * debugger outside does to the kernel meanwhile.
 *
 * selfdebug [RUNS]: as often (default: for ever). "selfdebug walk" is for GDB.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selfdebug.h"

#define GDB		"/usr/bin/gdb"
#define GDB_SCRIPT	"/selfdebug.gdb"
#define GDB_SAYS	"gdb-has-seen "

/* It takes longer than all the rest. */
#define RUNS_A_GDB	4

/* So that the guest's other programs have their share. */
#define PAUSE_US	50000

void result_add(struct result *r, const void *data, size_t len)
{
	const unsigned char *p = data;

	while (len--)
		r->hash = (r->hash ^ *p++) * 0x100000001b3;
}

void result_add_u64(struct result *r, uint64_t value)
{
	result_add(r, &value, sizeof(value));
}

static void say(const char *line)
{
	int fd = open("/dev/console", O_WRONLY | O_NOCTTY);

	/* One write: others write there, too. */
	if (fd < 0 || write(fd, line, strlen(line)) < 0)
		perror(line);
	if (fd >= 0)
		close(fd);
}

void die(const char *what)
{
	char line[200];

	snprintf(line, sizeof(line), "selfdebug: failed: %s: %m\n", what);
	say(line);
	exit(1);
}

/* Its own words, from the line that GDB_SCRIPT prints. */
static void gdb(struct result *r)
{
	char line[256], path[256] = "";
	int fds[2];
	pid_t pid;
	FILE *in;

	if (readlink("/proc/self/exe", path, sizeof(path) - 1) < 0 || pipe(fds))
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		dup2(fds[1], STDOUT_FILENO);
		dup2(fds[1], STDERR_FILENO);
		close(fds[0]);
		execl(GDB, "gdb", "-nx", "-batch", "-x", GDB_SCRIPT, "--args",
		      path, "walk", NULL);
		_exit(127);
	}
	close(fds[1]);
	in = fdopen(fds[0], "r");
	while (fgets(line, sizeof(line), in)) {
		char *p = strstr(line, GDB_SAYS);

		if (!p)
			continue;
		p += strlen(GDB_SAYS);
		r->count = strtoul(p, &p, 10);
		r->hash = strtoul(p, NULL, 16);
	}
	fclose(in);
	waitpid(pid, NULL, 0);
}

static const struct part {
	const char *name;
	void (*run)(struct result *r);
} parts[] = {
	{ "step", ptrace_step },
	{ "block", ptrace_block },
	{ "breakpoint", ptrace_breakpoint },
	{ "kprobe", probes_kernel },
	{ "uprobe", probes_user },
}, with_gdb[] = {
	{ "stepi", gdb },
};

static void run(const char *what, unsigned long number, const struct part *parts, size_t count)
{
	char line[512];
	size_t i, n;

	n = snprintf(line, sizeof(line), "selfdebug: %s %lu:", what, number);
	for (i = 0; i < count; i++) {
		struct result r = RESULT_INIT;

		parts[i].run(&r);
		n += snprintf(line + n, sizeof(line) - n, " %s %lu %016lx", parts[i].name,
			      (unsigned long)r.count, (unsigned long)r.hash);
	}
	snprintf(line + n, sizeof(line) - n, "\n");
	say(line);
}

int main(int argc, char **argv)
{
	unsigned long runs = argc > 1 ? strtoul(argv[1], NULL, 10) : -1UL;
	static uint64_t data[4];
	unsigned long i;

	if (argc > 1 && !strcmp(argv[1], "walk"))
		walk(getpid(), data);
	/* The guest's init mounts it. */
	while (access("/proc/self/exe", F_OK))
		usleep(PAUSE_US);
	probes_init();
	for (i = 0; i < runs; i++) {
		run("run", i, parts, sizeof(parts) / sizeof(parts[0]));
		if (i % RUNS_A_GDB == 1 && !access(GDB, X_OK))
			run("gdb", i, with_gdb, 1);
		usleep(PAUSE_US);
	}
	return 0;
}
