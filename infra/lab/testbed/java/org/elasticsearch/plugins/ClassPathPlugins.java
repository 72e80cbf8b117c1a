package org.elasticsearch.plugins;

import java.util.List;
import org.elasticsearch.Build;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.action.admin.cluster.node.info.PluginsAndModules;
import org.elasticsearch.jdk.ModuleQualifiedExportsService;

/** The plugins given, from the class path; the server itself only looks for plugins in folders. */
public final class ClassPathPlugins extends PluginsService {
    private final List<LoadedPlugin> loaded;

    public ClassPathPlugins(Settings settings, Environment environment, List<Plugin> plugins) {
        super(settings, environment.configFile(), environment.modulesFile(), environment.pluginsFile());
        loaded = plugins.stream().map(ClassPathPlugins::described).toList();
        loadExtensions(loaded);
    }

    private static LoadedPlugin described(Plugin plugin) {
        String name = plugin.getClass().getName();
        PluginDescriptor descriptor = new PluginDescriptor(name, "from the class path", "NA", Build.current().version(),
            Integer.toString(Runtime.version().feature()), name, null, List.of(), false, false, false, false);
        return new LoadedPlugin(descriptor, plugin, plugin.getClass().getClassLoader(), ModuleLayer.boot());
    }

    @Override
    protected List<LoadedPlugin> plugins() {
        return loaded == null ? List.of() : loaded;
    }

    @Override
    public PluginsAndModules info() {
        return new PluginsAndModules(plugins().stream().map(LoadedPlugin::descriptor).map(PluginRuntimeInfo::new).toList(), List.of());
    }

    @Override
    protected void addServerExportsService(java.util.Map<String, List<ModuleQualifiedExportsService>> exports) {
        // Everything is on the class path; there are no modules to open.
    }
}
