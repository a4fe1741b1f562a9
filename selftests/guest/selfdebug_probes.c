// SPDX-License-Identifier: GPL-2.0
/*
 * selfdebug: kprobes and uprobes, through tracefs. Both replace an instruction
 * by a trap, and then either emulate it or have it executed elsewhere with
 * MSR[SE]: there are probes of either kind. What counts is the text of the
 * events that this process has caused.
 */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selfdebug.h"

#define TRACEFS		"/tracing"
#define GROUP		"selfdebug"
#define OPTIMIZATION	"/proc/sys/debug/kprobes-optimization"

#define CALLS		10
#define FORKS		4
#define NO_PID		0x7ffffff0

/* In words, from the function's symbol on */
#define SEARCH_WORDS	400

static char stepped_probe[64];

/* Returns 0, or -1 and errno. */
static int write_file(const char *path, int flags, const char *text)
{
	int fd = open(path, O_WRONLY | flags, 0);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = write(fd, text, strlen(text));
	close(fd);
	return n < 0 ? -1 : 0;
}

static void must_write(const char *path, int flags, const char *text)
{
	if (write_file(path, flags, text))
		die(*text ? text : path);
}

static unsigned long symbol(const char *name)
{
	unsigned long address, found = 0;
	char line[256], its[128], type;
	FILE *f = fopen("/proc/kallsyms", "r");

	if (!f)
		die("/proc/kallsyms");
	while (!found && fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx %c %127s", &address, &type, its) == 3 && !strcmp(its, name))
			found = address;
	fclose(f);
	if (!found)
		die(name);
	return found;
}

static void read_kernel(unsigned long address, void *to, size_t len)
{
	int fd = open("/proc/kcore", O_RDONLY);
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdr;
	int i;

	if (fd < 0 || pread(fd, &ehdr, sizeof(ehdr), 0) != sizeof(ehdr))
		die("/proc/kcore");
	for (i = 0; i < ehdr.e_phnum; i++) {
		if (pread(fd, &phdr, sizeof(phdr), ehdr.e_phoff + i * sizeof(phdr)) < 0)
			die("/proc/kcore");
		if (phdr.p_type == PT_LOAD && address >= phdr.p_vaddr &&
		    address - phdr.p_vaddr < phdr.p_memsz)
			break;
	}
	if (i == ehdr.e_phnum ||
	    pread(fd, to, len, phdr.p_offset + (address - phdr.p_vaddr)) != (ssize_t)len)
		die("reading the kernel's text");
	close(fd);
}

/*
 * mfspr of DSCR: the kernel's emulate_step() does not know it, and copy_thread(),
 * which executes one for each new thread, can be probed.
 */
static void find_stepped(void)
{
	static uint32_t words[SEARCH_WORDS];
	int i;

	read_kernel(symbol("copy_thread"), words, sizeof(words));
	for (i = 0; i < SEARCH_WORDS; i++) {
		uint32_t word = words[i] & 0xfc1fffff;

		if (word == 0x7c1102a6 || word == 0x7c0302a6) {
			snprintf(stepped_probe, sizeof(stepped_probe),
				 "p:" GROUP "/stepped copy_thread+%d", i * 4);
			return;
		}
	}
	die("no mfspr of DSCR in copy_thread");
}

void probes_init(void)
{
	mkdir(TRACEFS, 0755);
	if (mount("tracefs", TRACEFS, "tracefs", 0, NULL))
		die("mount " TRACEFS);
	/* Jumps instead of traps would come after a while: not the same each time. */
	must_write(OPTIMIZATION, 0, "0\n");
	/*
	 * The events of both CPUs in the order in which they were, and not by the time: on an
	 * emulated host under load that of one CPU can jump.
	 */
	must_write(TRACEFS "/trace_clock", 0, "counter\n");
	find_stepped();
}

/* Lines of `trace` are "TASK-PID [CPU] FLAGS TIME: EVENT: (PLACE) ARGUMENTS". */
static void collect(struct result *r)
{
	char line[512], me[64], *at;
	FILE *f = fopen(TRACEFS "/trace", "r");

	if (!f)
		die(TRACEFS "/trace");
	snprintf(me, sizeof(me), "-%d ", getpid());
	while (fgets(line, sizeof(line), f)) {
		if (*line == '#' || !strstr(line, me))
			continue;
		at = strstr(line, ": ");
		if (!at)
			continue;
		r->count++;
		result_add(r, at, strlen(at));
	}
	fclose(f);
}

static void enable(const char *events, const char *const *probes)
{
	must_write(TRACEFS "/trace", O_TRUNC, "");
	for (; *probes; probes++)
		must_write(events, O_APPEND, *probes);
	must_write(TRACEFS "/events/" GROUP "/enable", 0, "1");
}

static void disable(const char *events, struct result *r)
{
	must_write(TRACEFS "/events/" GROUP "/enable", 0, "0");
	collect(r);
	must_write(events, O_TRUNC, "");
}

void probes_kernel(struct result *r)
{
	static const char events[] = TRACEFS "/kprobe_events";
	const char *const probes[] = {
		/* gpr[3] of the caller's struct pt_regs: the system call's argument */
		"p:" GROUP "/entry sys_umask mask=+24(%gpr3):x64",
		"r:" GROUP "/back sys_umask old=$retval",
		"p:" GROUP "/emulated sys_getpgid+16",
		stepped_probe,
		NULL
	};
	mode_t first = umask(0);
	long sum = 0;
	int i;

	enable(events, probes);
	for (i = 0; i < CALLS; i++) {
		sum += syscall(SYS_umask, i * 3);
		sum += syscall(SYS_getpgid, NO_PID);
		sum += syscall(SYS_getsid, NO_PID);
	}
	for (i = 0; i < FORKS; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(i);
		if (waitpid(pid, NULL, 0) != pid)
			die("fork");
	}
	disable(events, r);
	umask(first);
	result_add_u64(r, sum);
}

/* Where in the file is what has this address? */
static unsigned long file_offset(const void *address)
{
	const Elf64_Phdr *phdr = (void *)getauxval(AT_PHDR);
	unsigned long n = getauxval(AT_PHNUM), at = (uintptr_t)address;

	for (; n; n--, phdr++)
		if (phdr->p_type == PT_LOAD && at - phdr->p_vaddr < phdr->p_memsz)
			return at - phdr->p_vaddr + phdr->p_offset;
	die("no such address");
	return 0;
}

void probes_user(struct result *r)
{
	static const char events[] = TRACEFS "/uprobe_events";
	char path[256] = "", emulated[400], back[400], stepped[400];
	const char *const probes[] = { emulated, back, stepped, NULL };
	double value = 1;
	long sum = 0;
	int i;

	if (readlink("/proc/self/exe", path, sizeof(path) - 1) < 0)
		die("/proc/self/exe");
	snprintf(emulated, sizeof(emulated), "p:" GROUP "/emulated %s:0x%lx a=%%gpr3 b=%%gpr4",
		 path, file_offset(probe_emulated));
	snprintf(back, sizeof(back), "r:" GROUP "/back %s:0x%lx value=$retval",
		 path, file_offset(called_emulated));
	snprintf(stepped, sizeof(stepped), "p:" GROUP "/stepped %s:0x%lx",
		 path, file_offset(probe_stepped));
	enable(events, probes);
	for (i = 0; i < CALLS; i++) {
		sum += called_emulated(i, sum + 1);
		value = called_stepped(value, i);
	}
	disable(events, r);
	result_add_u64(r, sum);
	result_add(r, &value, sizeof(value));
}
