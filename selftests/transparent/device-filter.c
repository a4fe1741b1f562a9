// SPDX-License-Identifier: GPL-2.0
/*
 * Puts a device filter on a cgroup, as libvirt, systemd and container runtimes do: a BPF
 * program that lets everything through but one character device.
 *
 *	device-filter CGROUP-DIRECTORY MAJOR:MINOR COMMAND [ARG...]
 *
 * The filter is in force as long as COMMAND runs, which is not in the cgroup itself. Exit
 * status: COMMAND's, or 4 if there cannot be such a filter here.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOT_HERE	4

/* The few instructions that it takes, in the words of the kernel's include/linux/filter.h */
#define LOAD(dst, src, offset) \
	{ .code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = (dst), .src_reg = (src), .off = (offset) }
#define JUMP_UNLESS(dst, value, by) \
	{ .code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = (dst), .off = (by), .imm = (value) }
#define SET(dst, value) \
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = (dst), .imm = (value) }
#define RETURN \
	{ .code = BPF_JMP | BPF_EXIT }

static int bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static int load(unsigned int major, unsigned int minor)
{
	struct bpf_insn program[] = {
		LOAD(BPF_REG_2, BPF_REG_1, offsetof(struct bpf_cgroup_dev_ctx, major)),
		JUMP_UNLESS(BPF_REG_2, (int)major, 4),
		LOAD(BPF_REG_2, BPF_REG_1, offsetof(struct bpf_cgroup_dev_ctx, minor)),
		JUMP_UNLESS(BPF_REG_2, (int)minor, 2),
		SET(BPF_REG_0, 0),
		RETURN,
		SET(BPF_REG_0, 1),
		RETURN,
	};
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insns = (unsigned long)program;
	attr.insn_cnt = sizeof(program) / sizeof(program[0]);
	attr.license = (unsigned long)"GPL";
	return bpf(BPF_PROG_LOAD, &attr);
}

int main(int argc, char **argv)
{
	unsigned int major, minor;
	union bpf_attr attr;
	int cgroup, status;
	pid_t child;

	if (argc < 4 || sscanf(argv[2], "%u:%u", &major, &minor) != 2) {
		fprintf(stderr, "usage: device-filter CGROUP MAJOR:MINOR COMMAND [ARG...]\n");
		return 2;
	}
	cgroup = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	memset(&attr, 0, sizeof(attr));
	attr.target_fd = cgroup;
	attr.attach_bpf_fd = load(major, minor);
	attr.attach_type = BPF_CGROUP_DEVICE;
	if (cgroup < 0 || (int)attr.attach_bpf_fd < 0 || bpf(BPF_PROG_ATTACH, &attr)) {
		fprintf(stderr, "device-filter: %s: %s\n", argv[1], strerror(errno));
		return NOT_HERE;
	}
	child = fork();
	if (!child) {
		execvp(argv[3], argv + 3);
		_exit(127);
	}
	waitpid(child, &status, 0);
	bpf(BPF_PROG_DETACH, &attr);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
