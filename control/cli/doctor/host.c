// SPDX-License-Identifier: Apache-2.0
// The host itself: clock and disk.
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/timex.h>

#include "config/text.h"
#include "control/cli/doctor/host.h"
#include "control/cli/human.h"

// ---- clock

void
doctor_judge_clock(int status_bits, struct doctor *doctor)
{
    if ((status_bits & STA_UNSYNC) == 0) {
        doctor_ok(doctor, "clock", "the clock is kept by NTP");
        return;
    }
    doctor_tell(doctor, DOCTOR_WARNING, "clock",
                (struct doctor_cure){.file = DOCTOR_SHELL, .line = "timedatectl set-ntp true"},
                "nothing keeps the clock right: signatures of requests are refused when it is off "
                "by minutes, and expired DKIM signatures are told by it");
}

static void
check_clock(struct doctor *doctor)
{
    struct timex clock = {.modes = 0};
    if (adjtimex(&clock) < 0) {
        doctor_tell(doctor, DOCTOR_WARNING, "clock", DOCTOR_NO_CURE,
                    "the kernel does not tell whether the clock is kept");
        return;
    }
    doctor_judge_clock(clock.status, doctor);
}

// ---- disk

struct file_system {
    unsigned long type; /* statfs(2) */
    const char *name;
    enum doctor_level level;
    const char *why;
};
static const struct file_system FILE_SYSTEMS[] = {
    {0x01021994, "tmpfs", DOCTOR_WRONG, "what was answered 250 is gone with the next boot"},
    {0x858458f6, "ramfs", DOCTOR_WRONG, "what was answered 250 is gone with the next boot"},
    {0x6969, "NFS", DOCTOR_WRONG, "SQLite's log needs a local disk"},
    {0xff534d42, "CIFS", DOCTOR_WRONG, "SQLite's log needs a local disk"},
    {0xfe534d42, "SMB", DOCTOR_WRONG, "SQLite's log needs a local disk"},
    {0x00c36400, "Ceph", DOCTOR_WRONG, "SQLite's log needs a local disk"},
    {0x01021997, "9p", DOCTOR_WRONG, "SQLite's log needs a local disk"},
    {0x794c7630, "overlayfs", DOCTOR_WARNING, "it goes with the container"},
    {0x65735546, "FUSE", DOCTOR_WARNING, "whether it syncs, only its program knows"},
};

void
doctor_judge_file_system(unsigned long type, const char *folder, struct doctor *doctor)
{
    for (size_t i = 0; i < ARRAY_LEN(FILE_SYSTEMS); i++) {
        if (FILE_SYSTEMS[i].type == type) {
            doctor_tell(doctor, FILE_SYSTEMS[i].level, "store-disk",
                        (struct doctor_cure){.file = DOCTOR_YAML,
                                             .line = "store: path: /var/lib/mailspur/mailspur.db"},
                        "%s is on %s: %s", folder, FILE_SYSTEMS[i].name, FILE_SYSTEMS[i].why);
            return;
        }
    }
    doctor_ok(doctor, "store-disk", "%s is on a local disk", folder);
}

void
doctor_judge_room(uint64_t free_bytes, const struct config_limits *limits, struct doctor *doctor)
{
    char free_text[HUMAN_SIZE];
    char least[HUMAN_SIZE];
    char most[HUMAN_SIZE];
    human_bytes(free_bytes, free_text);
    human_bytes(limits->min_free_disk, least);
    human_bytes(limits->store_bytes, most);
    if (free_bytes < limits->min_free_disk) {
        doctor_tell(doctor, DOCTOR_WRONG, "disk-room", DOCTOR_NO_CURE,
                    "%s free is less than limits.min_free_disk (%s): mail is put off with 452",
                    free_text, least);
    } else if (free_bytes - limits->min_free_disk < limits->store_bytes) {
        doctor_tell(doctor, DOCTOR_WARNING, "disk-room",
                    (struct doctor_cure){.file = DOCTOR_YAML,
                                         .line = "limits: store_size: what the disk has room for"},
                    "%s free is no room for a store of limits.store_size (%s)", free_text, most);
    } else {
        doctor_ok(doctor, "disk-room", "%s free", free_text);
    }
}

static void
check_disk(const struct doctor_host *host, struct doctor *doctor)
{
    struct statfs type;
    struct statvfs room;
    struct why why;
    AUTO_FREE char *folder = text_folder(host->config->store.path);
    if (statfs(folder, &type) != 0 || statvfs(folder, &room) != 0) {
        bool is_closed = errno == EACCES; // to the person who asks
        (void)why_errno(&why, ST_IO, "store.path: %.200s", folder);
        doctor_tell(doctor, is_closed ? DOCTOR_WARNING : DOCTOR_WRONG, "store-disk", DOCTOR_NO_CURE,
                    "%s", why.text);
        return;
    }
    doctor_judge_file_system((unsigned long)type.f_type & 0xffffffffUL, folder, doctor);
    doctor_judge_room((uint64_t)room.f_bavail * room.f_frsize, &host->config->limits, doctor);
}

void
doctor_check_host(const struct doctor_host *host, struct doctor *doctor)
{
    check_clock(doctor);
    check_disk(host, doctor);
}
