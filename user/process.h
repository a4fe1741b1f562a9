/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVSTEP_PROCESS_H
#define HVSTEP_PROCESS_H

#include <stddef.h>
#include <sys/types.h>

/* A copy of the descriptor of VM number @nth of a process, or -errno; see libhvstep.h. */
int process_vm_fd(pid_t pid, unsigned int nth);

/* The ids of its vCPUs, see hvstep_vcpus(). */
int process_vcpus(pid_t pid, unsigned int *ids, size_t max);

#endif /* HVSTEP_PROCESS_H */
