/** Makes components of a listing: a pure function, so that the listing of any machine can be tried. */
import { chosenAddress } from "./cards.js";
import { type Components, type Label, componentOf, componentsOf } from "./components.js";
import { systemDisk } from "./disks.js";
import { type Surroundings, isVirtualMachine, surroundingsOf } from "./guest.js";
import type { Listing } from "./listing.js";
import type { Machine } from "./machine.js";

/** The machine that a listing shows. A guest can be copied whole, with its machine id, and its processor is the host's. So a
 * guest shows neither, and an install id is made for it. */
export function machineOf(listing: Listing): Machine {
  const surroundings = surroundingsOf(listing);
  const ownId = listing.machineId !== null && isMachineId(listing.machineId) ? listing.machineId : null;
  const shown = { platform: PLATFORMS[surroundings], isVirtualMachine: isVirtualMachine(listing) };
  const inGuest = { machineId: ownId === null ? null : componentOf("machine_id", ownId) };
  switch (surroundings) {
    case "physical": {
      const raw = { machine_id: ownId, cpu: listing.processor, hostname: listing.hostName };
      return { ...shown, components: { ...hardware(listing, surroundings), ...present(raw) }, guest: null };
    }
    case "virtual_machine": {
      const parts = hardware(listing, surroundings);
      // Beside the install id alone a name proves nothing more, and a new one would make another machine of it.
      const name = Object.keys(parts).length > 0 ? present({ hostname: listing.hostName }) : {};
      return { ...shown, components: { ...parts, ...name }, guest: inGuest };
    }
    // Board, disk and name are the host's, and the address is new at every start.
    case "light_virtual_machine":
    case "system_container":
      return { ...shown, components: {}, guest: inGuest };
    // The machine id is the image's, so an update of the image would make another machine of it.
    case "image_container":
      return { ...shown, components: {}, guest: { machineId: null } };
  }
}

const PLATFORMS: Readonly<Record<Surroundings, Machine["platform"]>> = {
  physical: "physical",
  virtual_machine: "virtual_machine",
  light_virtual_machine: "virtual_machine",
  system_container: "container",
  image_container: "container",
};

/** Parts that are in the machine, or that its hypervisor keeps. */
function hardware(listing: Listing, surroundings: Surroundings): Components {
  return present({ mac: chosenAddress(listing.cards, surroundings), board: listing.board, disk: systemDisk(listing) });
}

function present(raw: Partial<Record<Label, string | null>>): Components {
  return componentsOf(Object.fromEntries(Object.entries(raw).filter(([, value]) => value !== null)));
}

/** True for the id of one system: machine-id(5), Windows' `MachineGuid` and macOS' host UUID have 32 hexadecimal digits.
 * `uninitialized` and other words are those of an image. */
function isMachineId(text: string): boolean {
  return /^[0-9a-f]{32}$/i.test(text.trim().replace(/[-{}]/g, ""));
}
