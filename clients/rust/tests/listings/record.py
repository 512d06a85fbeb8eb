#!/usr/bin/env python3
"""Prints a listing of this Linux machine for `clients/rust/tests/listings`: python3 record.py > NAME.json

It reads what the client library reads, without a privilege. Ids, serial numbers and addresses are those of the machine:
replace them by others of the same form before you hand the file on, and fill in `about` and `expect`.
"""

import json
import os

FILES = [
    "/.dockerenv",
    "/etc/machine-id",
    "/var/lib/dbus/machine-id",
    "/proc/1/cgroup",
    "/proc/self/mountinfo",
    "/proc/sys/kernel/osrelease",
    "/proc/xen/capabilities",
    "/run/.containerenv",
    "/run/systemd/container",
    "/sys/class/dmi/id/bios_vendor",
    "/sys/class/dmi/id/board_serial",
    "/sys/class/dmi/id/product_name",
    "/sys/class/dmi/id/sys_vendor",
    "/sys/firmware/devicetree/base/hypervisor/compatible",
    "/sys/firmware/devicetree/base/model",
    "/sys/hypervisor/type",
]
CARD = ["address", "addr_assign_type", "bonding_slave/perm_hwaddr", "carrier", "operstate", "phy80211/macaddress"]
BLOCK = ["dev", "partition", "dm/name", "serial", "device/serial", "device/wwid", "wwid"]

files, links = {}, {}


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read().strip("\0\n").split("\n")
    except OSError:
        return
    files[path] = lines if len(lines) > 1 else lines[0]


def link(path):
    if os.path.islink(path):
        links[path] = os.readlink(path)


def entries(folder):
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


def real(path):
    """The same file below the folder that links lead to, so that the listing has it once."""
    folder = os.path.realpath(os.path.dirname(path))
    return os.path.join(folder, os.path.basename(path))


for path in FILES:
    read(path)
for name in entries("/sys/class/net"):
    card = f"/sys/class/net/{name}"
    link(card)
    for file in CARD:
        read(real(f"{card}/{file}"))
    link(real(f"{card}/device"))
    link(real(f"{card}/phy80211"))
    device = os.path.realpath(f"{card}/device")
    if os.path.isdir(device):
        link(f"{device}/subsystem")
        link(f"{device}/physfn")
        while device.startswith("/sys/devices/"):
            read(f"{device}/removable")
            device = os.path.dirname(device)
for name in entries("/sys/class/block"):
    if name.startswith(("loop", "ram", "zram")):
        continue
    block = f"/sys/class/block/{name}"
    link(block)
    folder = os.path.realpath(block)
    link(f"{folder}/device")
    for file in BLOCK:
        read(real(f"{folder}/{file}"))
    for slave in entries(f"{folder}/slaves"):
        link(f"{folder}/slaves/{slave}")
    number = files.get(f"{folder}/dev")
    if number and os.path.exists(f"/run/udev/data/b{number}"):
        with open(f"/run/udev/data/b{number}", encoding="utf-8", errors="replace") as file:
            kept = [line for line in file.read().split("\n") if line.startswith(("E:ID_FS_TYPE=", "E:ID_FS_LABEL="))]
        files[f"/run/udev/data/b{number}"] = kept
with open("/proc/cpuinfo", encoding="utf-8") as file:
    lines = file.read().split("\n")
files["/proc/cpuinfo"] = [line for line in lines if line.startswith(("vendor_id", "model name", "flags"))][:3]
values = dict(line.split(":", 1) for line in files["/proc/cpuinfo"])
values = {name.strip(): value.strip() for name, value in values.items()}

print(
    json.dumps(
        {
            "about": "",
            "origin": "recorded",
            "linux": {"files": files, "links": links},
            "processor": f"{values.get('vendor_id', '')} {values.get('model name', '')}",
            "host_name": os.uname().nodename,
            "expect": {},
        },
        indent=1,
    )
)
