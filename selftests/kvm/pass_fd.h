/* SPDX-License-Identifier: GPL-2.0 */
/* A descriptor for another process, by SCM_RIGHTS */
#ifndef PASS_FD_H
#define PASS_FD_H

/* The receiver gets one of its own; @fd stays open. */
void fd_send(int socket, int fd);
int fd_receive(int socket);

#endif /* PASS_FD_H */
