"""Test the allow-list for a release's configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving import release
from tests.serving.pod.releases import CONFIG, add_property, write_release

SHIPPED = (CONFIG / "config.properties").read_text()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_release(tmp_path / "release")


def options(folder: Path) -> list[str]:
    return release.java_options(folder / "config/config.properties")


def replace(folder: Path, old: str, new: str) -> None:
    """Change the shipped configuration, which must have the old text."""
    assert old in SHIPPED
    (folder / "config/config.properties").write_bytes(SHIPPED.replace(old, new).encode("latin-1"))


def set_options(folder: Path, text: str) -> None:
    (line,) = (line for line in SHIPPED.splitlines() if line.startswith("vmargs="))
    replace(folder, line, f"vmargs={text}")


def test_shipped_configuration_is_allowed(folder: Path) -> None:
    assert options(folder) == [
        *("-Xmx2g", "-XX:MaxDirectMemorySize=2g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
    ]
    assert set(release.read_properties(CONFIG / "config.properties")) <= set(release.PROPERTIES)


def test_empty_options_are_allowed(folder: Path) -> None:
    (line,) = (line for line in SHIPPED.splitlines(keepends=True) if line.startswith("vmargs="))
    replace(folder, line, "")

    assert options(folder) == []


@pytest.mark.parametrize(
    "option",
    [
        *("-Xmx512m", "-Xms1G", "-Xss512k", "-Xmx2000000000", "-XX:MaxDirectMemorySize=300m"),
        *(
            "-XX:+UseG1GC",
            "-XX:-UseSerialGC",
            "-XX:TieredStopAtLevel=4",
            "-XX:+UseContainerSupport",
        ),
        *("-XX:MaxRAMPercentage=62.5", "-XX:ActiveProcessorCount=2", "-XX:+ExitOnOutOfMemoryError"),
        *("-XX:ReservedCodeCacheSize=64m", "-XX:ParallelGCThreads=2", "-XX:-TieredCompilation"),
    ],
)
def test_allows_options_for_memory_collector_and_compiler(folder: Path, option: str) -> None:
    set_options(folder, f"-Xmx1g {option}")

    assert options(folder) == ["-Xmx1g", option]


@pytest.mark.parametrize(
    "option",
    [
        # programs that Java starts
        "-XX:OnOutOfMemoryError=/bin/true",
        "-XX:OnError=/bin/true",
        # code and options from elsewhere
        *("-javaagent:/mnt/models/a.jar", "-agentpath:/x.so", "-agentlib:jdwp=address=*:5005"),
        *("-cp", "-classpath", "--class-path=/x", "-jar", "-Xbootclasspath/a:/x.jar", "@/tmp/more"),
        *("--module-path=/x", "--add-modules=x", "--patch-module=a=b", "-XX:Flags=/tmp/flags"),
        *("-XX:VMOptionsFile=/tmp/flags", "-XX:SharedArchiveFile=/x", "-Xshare:dump"),
        *(
            "-XX:CompilerDirectivesFile=/x",
            "-XX:CompileCommandFile=/x",
            "--source",
            "-XshowSettings",
        ),
        # what other parts of the JVM and of TorchServe read
        *("-Dlog4j.configurationFile=http://x/y", "-Djava.io.tmpdir=/x", "-Dmodel_server_home=/x"),
        *(
            "-Djava.security.policy=/x",
            "-Dcom.sun.management.jmxremote.port=9",
            "-Djava.library.path=/x",
        ),
        # files written
        *("-XX:HeapDumpPath=/x", "-XX:+HeapDumpOnOutOfMemoryError", "-XX:ErrorFile=/x"),
        *("-Xlog:gc:file=/x", "-Xloggc:/x", "-XX:LogFile=/x", "-XX:StartFlightRecording"),
        # switches that unlock others, and other processes
        *("-XX:+UnlockDiagnosticVMOptions", "-XX:+EnableDynamicAgentLoading", "-XX:+UsePerfData"),
        # a separate class to start
        *("evil.Main", "-", "--", "-X", "-XX:", "org.pytorch.serve.ModelServer"),
        # nearly allowed
        *("-Xmx", "-Xmx1gb", "-Xmx1g;id", "-Xmx1.5g", "-xmx1g", "-XX:+UseSerialGC=1"),
        *("-XX:UseSerialGC", "-XX:TieredStopAtLevel=", "-XX:TieredStopAtLevel=1,2", "-Xmx-1"),
        *("-XX:MaxRAMPercentage=1e9", "-XX:-ExitOnOutOfMemoryError", "'-Xmx1g'", '"-Xmx1g"'),
    ],
)
def test_rejects_other_jvm_options_by_name(folder: Path, option: str) -> None:
    set_options(folder, f"-Xmx1g {option}")

    with pytest.raises(release.ConfigurationError) as caught:
        options(folder)

    assert option in str(caught.value).replace('\\"', '"')


@pytest.mark.parametrize(
    "line",
    [
        "plugins_path=/mnt/models/plugins",
        "model_snapshot={}",
        "models={}",
        "model_store=/mnt/other",
        "workflow_store=/mnt/other",
        "default_service_handler=/tmp/handler.py:handle",
        "service_envelope=kserve",
        "system_metrics_cmd=/bin/true",
        "cpu_launcher_enable=true",
        "cpu_launcher_args=--x",
        "cpp_log_config=/x",
        "use_env_allowed_urls=true",
        "blacklist_env_vars=LESIONLENS.*",
        "keystore=/x",
        "private_key_file=/x",
        "cors_allowed_origin=*",
        "model_server_home=/x",
        "torchelastic_ts=x",
        "unheard_of=1",
    ],
)
def test_rejects_properties_that_load_code_or_open_ports(folder: Path, line: str) -> None:
    add_property(folder, line)

    with pytest.raises(release.ConfigurationError, match=f"has {line.partition('=')[0]}"):
        options(folder)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("load_models=melanoma.mar", "load_models=all"),
        ("load_models=melanoma.mar", "load_models=melanoma.mar,other.mar"),
        ("load_models=melanoma.mar", "load_models=http://elsewhere/melanoma.mar"),
        ("load_models=melanoma.mar", "load_models=melanomaxmar"),
        ("allowed_urls=file:///nowhere", "allowed_urls=http.*"),
        ("enable_model_api=false", "enable_model_api=true"),
        ("enable_model_api=false", "enable_model_api=FALSE"),
        ("install_py_dep_per_model=false", "install_py_dep_per_model=true"),
        ("enable_envvars_config=true", "enable_envvars_config=false"),
        ("inference_address=http://127.0.0.1:8080", "inference_address=http://0.0.0.0:8080"),
        ("management_address=http://127.0.0.1:8081", "management_address=http://0.0.0.0:8081"),
        ("grpc_inference_address=127.0.0.1", "grpc_inference_address=0.0.0.0"),
        ("job_queue_size=1000", "job_queue_size=many"),
        ("metrics_config=/mnt/models/config/metrics.yaml", "metrics_config=/tmp/metrics.yaml"),
    ],
)
def test_rejects_disallowed_values(folder: Path, old: str, new: str) -> None:
    replace(folder, old, new)

    with pytest.raises(release.ConfigurationError, match="which is not allowed"):
        options(folder)


@pytest.mark.parametrize("key", release.REQUIRED)
def test_requires_properties_with_unsafe_defaults(folder: Path, key: str) -> None:
    replace(folder, f"{key}={release.REQUIRED[key]}\n", "")

    with pytest.raises(release.ConfigurationError, match=f"lacks {key}="):
        options(folder)


@pytest.mark.parametrize(
    "line",
    [
        "# a comment that goes on \\\nvmargs=-XX:OnError=x",
        "job_queue_size=10\\\n00",
        "vmargs = -XX:OnError=x",
        "vmargs: -XX:OnError=x",
        "vmargs:-XX:OnError=x",
        "vmargs -XX:OnError=x",
        "vmargs\t-XX:OnError=x",
        " vmargs=-XX:OnError=x",
        "\tvmargs=-XX:OnError=x",
        "vmargs =-XX:OnError=x",
        "vmargs= -XX:OnError=x",
        "vmargs=-Xmx1g ",
        "vmargs=-Xmx1g\t-XX:OnError=x",
        "v\\u006dargs=-XX:OnError=x",
        "vm\\args=-XX:OnError=x",
        "! a comment to Java alone",
        " # a comment to Java alone",
        "# one line\rvmargs=-XX:OnError=x",
        "# one line\x85vmargs=-XX:OnError=x",
        "# one line\x0bvmargs=-XX:OnError=x",
        "# one line\x0cvmargs=-XX:OnError=x",
        "# one line\x1evmargs=-XX:OnError=x",
        "# na\xefve",
        "job_queue_size",
        "=1",
        "job_queue_size=",
        "\\",
        "\x00",
        "\ufeff".encode().decode("latin-1") + "job_queue_size=1",
        "Vmargs=-XX:OnError=x",
    ],
)
def test_rejects_ambiguous_lines(folder: Path, line: str) -> None:
    (own,) = (line for line in SHIPPED.splitlines(keepends=True) if line.startswith("vmargs="))
    replace(folder, own, "")
    add_property(folder, line)

    with pytest.raises(release.ConfigurationError, match=r"line \d+ is not key=value"):
        options(folder)


@pytest.mark.parametrize("line", ["vmargs=-Xmx1g", "load_models=melanoma.mar"])
def test_rejects_duplicate_property(folder: Path, line: str) -> None:
    # Java takes the last; the pod that parsed it by hand took the first.
    add_property(folder, line)

    with pytest.raises(release.ConfigurationError, match=f"repeats {line.partition('=')[0]}"):
        options(folder)


def test_rejects_windows_line_endings(folder: Path) -> None:
    replace(folder, "\n", "\r\n")

    with pytest.raises(release.ConfigurationError, match="line 1 is not key=value"):
        options(folder)


def test_names_missing_file(tmp_path: Path) -> None:
    with pytest.raises(release.UnreadableReleaseError, match=r"config\.properties cannot be read"):
        release.java_options(tmp_path / "config.properties")
