"""Pod Security Standards, profile `restricted`, in full: one check a control of the standard."""

from collections.abc import Callable, Iterator
from typing import Any

Pod = dict[str, Any]

VOLUMES = {
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image"),
    *("persistentVolumeClaim", "projected", "secret"),
}
SYSCTLS = {
    "kernel.shm_rmid_forced",
    *("net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start"),
    *("net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports"),
    *("net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout"),
    *("net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes"),
}
PROFILES = {"RuntimeDefault", "Localhost"}
SELINUX = {"container_t", "container_init_t", "container_kvm_t", "container_engine_t"}


def violations(pod: Pod) -> list[str]:
    """Find what a namespace that enforces `restricted` would reject in a pod's spec."""
    found = list(_of_pod(pod))
    for field in ("initContainers", "containers", "ephemeralContainers"):
        for container in pod.get(field, []):
            own = container.get("securityContext", {})
            shared = pod.get("securityContext", {})
            for check in CONTAINER_CHECKS:
                found += [f"{container['name']}: {text}" for text in check(container, own, shared)]
    return found


def _of_pod(pod: Pod) -> Iterator[str]:
    context = pod.get("securityContext", {})
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(field):
            yield field
    for volume in pod.get("volumes", []):
        for kind in volume.keys() - {"name"} - VOLUMES:
            yield f"volume {volume['name']} is a {kind}"
    for sysctl in context.get("sysctls", []):
        if sysctl["name"] not in SYSCTLS:
            yield f"sysctl {sysctl['name']}"
    if context.get("runAsNonRoot") is False:
        yield "runAsNonRoot is false"
    yield from _shared(context)


def _shared(context: Pod) -> Iterator[str]:
    """Check the settings that pod and container share."""
    if context.get("runAsUser") == 0:
        yield "runAsUser is 0"
    if context.get("windowsOptions", {}).get("hostProcess"):
        yield "hostProcess"
    if context.get("seccompProfile", {}).get("type", "RuntimeDefault") not in PROFILES:
        yield "seccompProfile is neither RuntimeDefault nor Localhost"
    if context.get("appArmorProfile", {}).get("type", "RuntimeDefault") not in PROFILES:
        yield "appArmorProfile is neither RuntimeDefault nor Localhost"
    options = context.get("seLinuxOptions", {})
    if options.get("type", "container_t") not in SELINUX:
        yield f"seLinuxOptions of type {options['type']}"
    if options.get("user") or options.get("role"):
        yield "seLinuxOptions with a user or a role"


def _privileges(container: Pod, own: Pod, shared: Pod) -> Iterator[str]:
    if own.get("privileged"):
        yield "privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation is not false"
    if own.get("procMount", "Default") != "Default":
        yield f"procMount {own['procMount']}"


def _capabilities(container: Pod, own: Pod, shared: Pod) -> Iterator[str]:
    capabilities = own.get("capabilities", {})
    if "ALL" not in capabilities.get("drop", []):
        yield "capabilities are not all dropped"
    for name in set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
        yield f"capability {name} is added"


def _identity(container: Pod, own: Pod, shared: Pod) -> Iterator[str]:
    if not own.get("runAsNonRoot", shared.get("runAsNonRoot", False)):
        yield "runAsNonRoot is not true"
    if "seccompProfile" not in own and "seccompProfile" not in shared:
        yield "no seccompProfile"
    yield from _shared(own)


def _host(container: Pod, own: Pod, shared: Pod) -> Iterator[str]:
    for port in container.get("ports", []):
        if port.get("hostPort"):
            yield f"hostPort {port['hostPort']}"
    hooks = container.get("lifecycle", {})
    handlers = [container.get(f"{kind}Probe", {}) for kind in ("startup", "readiness", "liveness")]
    for handler in (*handlers, *hooks.values()):
        if handler.get("httpGet", {}).get("host") or handler.get("tcpSocket", {}).get("host"):
            yield "a probe or hook names a host"


CONTAINER_CHECKS: tuple[Callable[[Pod, Pod, Pod], Iterator[str]], ...] = (
    _privileges,
    _capabilities,
    _identity,
    _host,
)
