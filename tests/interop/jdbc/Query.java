import java.sql.DriverManager;

/** Logs in by the URL that `entra-pg` gives to programs on the JVM. */
class Query {
    public static void main(String[] arguments) throws Exception {
        var url = System.getenv("JDBC_DATABASE_URL");
        // A framework's own user and password, from another configuration, do not overrule the URL.
        try (var connection = DriverManager.getConnection(url, "other", "old");
                var statement = connection.createStatement();
                var rows = statement.executeQuery("SELECT current_user, ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")) {
            rows.next();
            if (!rows.getString(1).equals("app") || !rows.getBoolean(2)) {
                throw new IllegalStateException(rows.getString(1) + " " + rows.getString(2));
            }
            System.out.println("JDBC: logged in as " + rows.getString(1));
        }
    }
}
