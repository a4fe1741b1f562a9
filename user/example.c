// SPDX-License-Identifier: GPL-2.0
/*
 * What vCPU 0 of a running VMM executes next: example PID [COUNT]
 *
 *	cc example.c $(pkg-config --cflags --libs libhvstep) -o example
 */
#include <errno.h>
#include <libhvstep.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int check(const char *what, int ret)
{
	if (ret >= 0)
		return ret;
	fprintf(stderr, "%s: %s\n", what, strerror(-ret));
	exit(1);
}

int main(int argc, char **argv)
{
	struct hvstep_trace trace = { .vcpu = 0, .nr_records = 1024, .watermark = 1 };
	struct hvstep_step step = {
		.vcpu = 0, .mode = HVSTEP_STEP_COUNT, .count = argc > 2 ? atoi(argv[2]) : 10,
		.flags = HVSTEP_STEP_THEN_RUN | HVSTEP_STEP_NOW,
	};
	const struct hvstep_record *r;
	struct hvstep_session *session;
	struct hvstep_reader *reader;
	struct pollfd fds[2] = { { .events = POLLIN }, { .events = POLLIN } };
	pid_t pid = argc > 1 ? atoi(argv[1]) : 0;
	int pidfd = syscall(SYS_pidfd_open, pid, 0);
	int vm = check("no VM", hvstep_process_vm(pid, 0));
	size_t n;

	check("cannot attach it", hvstep_attach(vm, HVSTEP_ATTACH_SHARE, &session));
	close(vm);
	check("cannot trace it", hvstep_trace(session, &trace, &reader));
	check("cannot step it", hvstep_step(session, &step));
	fds[0].fd = hvstep_reader_fd(reader);
	fds[1].fd = pidfd;
	while (!hvstep_reader_is_done(reader)) {
		poll(fds, 2, -1);
		n = hvstep_reader_peek(reader, &r);
		for (size_t i = 0; i < n; i++)
			printf("%016llx %08x\n", (unsigned long long)r[i].nip, r[i].word);
		hvstep_reader_consume(reader, n);
		/* The VMM has ended: there is nobody to make the rest. */
		if (!n && fds[1].revents)
			check("not all of them", -ESRCH);
	}
	hvstep_reader_close(reader);
	hvstep_detach(session);
	return 0;
}
