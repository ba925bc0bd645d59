-- Fails in open.
-- expect: error

return { open = function() error "open" end }
