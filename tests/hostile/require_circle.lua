-- Requires itself.
-- expect: refused at load

return require "main"
