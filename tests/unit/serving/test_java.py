import configuration
import java


def test_the_server_is_java_itself_with_the_operators_options(store, tmp_path):
    options = {"JAVA_OPTS": "-Xmx1g -XX:+UseSerialGC"}
    config = configuration.read({"MODEL_STORE": str(store), "TORCHSERVE_RUN_DIR": str(tmp_path), **options})
    argv = java.command(config, {"JAVA_HOME": "/jdk"})
    assert argv[0] == "/jdk/bin/java"
    assert {"-Xmx1g", "-XX:+UseSerialGC", "-ncs", f"-Djava.io.tmpdir={tmp_path}"} <= set(argv)


def test_java_leaves_the_cpus_to_the_workers_unless_the_operator_chooses_otherwise():
    assert java.options("-Xmx1g") == ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx1g"]
    assert java.options("-XX:+UseZGC") == ["-XX:TieredStopAtLevel=1", "-XX:+UseZGC"]


def test_log4j_gets_its_file_as_a_url_whatever_the_folder_is_called(store, tmp_path, monkeypatch):
    odd = tmp_path / "100% #1 ü$"
    monkeypatch.setattr(java, "HERE", odd)
    argv = java.command(configuration.read({"MODEL_STORE": str(store)}), {})
    (option,) = [word for word in argv if word.startswith("-Dlog4j.configurationFile=")]
    assert option.endswith("/100%25%20%231%20%C3%BC%24/log4j2.xml")
    assert option.split("=")[1].startswith("file:///")
