package org.elasticsearch.node;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.plugins.ClassPathPlugins;
import org.elasticsearch.plugins.PluginsService;
import org.elasticsearch.transport.netty4.Netty4Plugin;

/** Starts one Elasticsearch node from the jars alone, with the HTTP transport as its only plugin: name=value ... */
public final class TestbedNode {
    private TestbedNode() {}

    public static void main(String[] arguments) throws Exception {
        Settings.Builder settings = Settings.builder();
        for (String argument : arguments) {
            int cut = argument.indexOf('=');
            settings.put(argument.substring(0, cut), argument.substring(cut + 1));
        }
        LogConfigurator.configureESLogging();
        Environment environment = InternalSettingsPreparer.prepareEnvironment(settings.build(), Map.of(), null, () -> "testbed");
        Node node = new Node(NodeConstruction.prepareConstruction(environment, new NodeServiceProvider() {
            @Override
            PluginsService newPluginService(Environment its, Settings own) {
                return new ClassPathPlugins(own, its, List.of(new Netty4Plugin()));
            }
        }, false));
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                node.close();
            } catch (IOException error) {
                error.printStackTrace();
            }
        }));
        node.start();
        Thread.currentThread().join();
    }
}
