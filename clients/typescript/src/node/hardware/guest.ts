/** Recognizes guests: containers and virtual machines. */
import { rootMounts } from "./disks.js";
import type { Listing, Signs } from "./listing.js";

/** Kind of guest that a machine is, as far as it decides about components. A light virtual machine, as WSL and microVMs
 * are, has no address of its own. A system container, as LXC, has a machine id of its own; one of an image has not. */
export type Surroundings =
  "physical" | "virtual_machine" | "light_virtual_machine" | "system_container" | "image_container";

/** Judges the signs. A container inside a virtual machine is a container. */
export function surroundingsOf(listing: Listing): Surroundings {
  const { signs } = listing;
  const manager = signs.containerManager.trim().toLowerCase();
  if (SYSTEM_MANAGERS.includes(manager) || signs.firstCgroup.includes("/lxc") || hasLxcfs(listing.mounts))
    return "system_container";
  if (isImageContainer(listing, manager)) return "image_container";
  if (manager === "wsl" || isWsl(signs)) return "light_virtual_machine";
  if (namesHypervisor(signs)) return "virtual_machine";
  return signs.isHypervisorSeen ? "light_virtual_machine" : "physical";
}

/** True if a hypervisor runs the machine, whatever else it is: containers run in virtual machines too. */
export function isVirtualMachine({ signs }: Listing): boolean {
  return isWsl(signs) || namesHypervisor(signs) || signs.isHypervisorSeen;
}

/** Texts that hypervisors and clouds put into the names of maker and model. */
const HYPERVISORS = [
  ...["qemu", "kvm", "vmware", "virtualbox", "innotek", "xen", "bochs", "bhyve", "parallels", "amazon ec2"],
  ...["google compute engine", "openstack", "nutanix", "virtual machine", "virtualmac", "apple virtualization"],
];
/** Managers of containers that have a system of their own, with its own machine id. */
const SYSTEM_MANAGERS = ["lxc", "lxc-libvirt", "systemd-nspawn", "openvz"];
/** Parts of the paths below which engines keep the layers of images. */
const IMAGE_STORES = ["/docker/", "/containers/storage/", "containerd", "/buildkit/"];
/** Parts of control groups' names. */
const ENGINES = ["docker", "kubepods", "containerd", "libpod"];

/** LXC puts files of its own over those of `/proc`, in every container and on no host. */
function hasLxcfs(mounts: string): boolean {
  return mounts.split("\n").some((line) => line.includes(" /proc/") && line.includes(" - fuse.lxcfs "));
}

function isImageContainer({ signs, mounts }: Listing, manager: string): boolean {
  const isEngine = manager !== "" && manager !== "wsl";
  const isInLayers = () =>
    rootMounts(mounts).some(({ options }) => IMAGE_STORES.some((store) => options.includes(store)));
  return (
    isEngine ||
    signs.containerFiles.length > 0 ||
    ENGINES.some((engine) => signs.firstCgroup.includes(engine)) ||
    isInLayers()
  );
}

/** The kernels of both generations of WSL end with `-Microsoft` or `-microsoft-standard-WSL2`. */
const isWsl = (signs: Signs) => signs.kernel.toLowerCase().includes("microsoft");

/** A notebook is called "Xenia", and VMware's product "VMware7,1": no letter may be beside the name. */
function namesHypervisor(signs: Signs): boolean {
  const firmware = signs.firmware.toLowerCase();
  return HYPERVISORS.some((name) => new RegExp(`(?<!\\p{L})${name}(?!\\p{L})`, "u").test(firmware));
}
