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
