"""What lies on disk, found and read: `locate` finds a space or an architecture, `trained` opens a trained model, and
`verify_export` checks exported files.
"""
